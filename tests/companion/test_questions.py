"""The viewers' questions: read from their pages, listed by chapter and below the notes."""

from pathlib import Path

import pytest

from companion.chapters import Chapter, Lecture, chapter_map
from companion.questions import DIRECTIVES, QuestionError, about, by_chapter, listed, read_questions

VIDEO = "https://youtu.be/P6sfmUTpUmc"
PAGE = f"""# Questions

## Is it 3? {{ #is-it-3 }}

[4:20]({VIDEO}?t=260) **Yes, it is
three.** See [the notes](../lecture/initial-loss.md#loss), [others](../lecture/summary.md)
and [more](../lecture/initial-loss.md#more).

```python
"## No heading {{ #code }}"
```

## Why? {{ #why }}

[0:10]({VIDEO}?t=10) **Because.** [Start](../lecture/starter-code.md).
"""
LECTURE = Lecture(
    "P6sfmUTpUmc",
    (
        Chapter(1, "Intro", 0, 82, "a.md"),
        Chapter(2, "Empty", 82, 200, ""),
        Chapter(3, "Loss", 200, 400, ""),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "index.md").write_text("# All\n\n## Not one { #not-one }\n", encoding="utf-8")
    return tmp_path


def test_entries_are_read_in_the_order_of_their_moments(folder):
    first, second = read_questions(folder)
    assert (first.slug, first.verdict, first.seconds) == ("why", "Because.", 10)
    assert (second.title, second.verdict) == ("Is it 3?", "Yes, it is three.")
    assert second.notes == ("lecture/initial-loss.md", "lecture/summary.md")
    for name in "dcba":
        (folder / f"{name}.md").write_text(PAGE, encoding="utf-8")
    files = [question.file for question in read_questions(folder)]
    assert files == [f"{name}.md" for name in ("a", "b", "c", "d", "page")] * 2


def test_a_question_asked_as_a_chapter_begins_belongs_to_it_alone(folder):
    (folder / "page.md").write_text(PAGE.replace("?t=10)", "?t=82)"), encoding="utf-8")
    lines = by_chapter(read_questions(folder), LECTURE)
    assert [line for line in lines if line.startswith("#")] == ["## 2. Empty", "## 3. Loss"]


def test_index_has_a_heading_for_each_chapter_with_questions(folder):
    assert by_chapter(read_questions(folder), LECTURE) == [
        "",
        "## 1. Intro",
        "",
        "- [Why?](page.md#why) Because.",
        "",
        "## 3. Loss",
        "",
        "- [Is it 3?](page.md#is-it-3) Yes, it is three.",
    ]


def test_notes_list_the_questions_that_link_to_them_first(folder):
    questions = read_questions(folder)
    assert about(questions, "lecture/initial-loss.md") == [
        "- [Is it 3?](../questions/page.md#is-it-3) Yes, it is three."
    ]
    assert about(questions, "lecture/summary.md") == []


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [("**Because.**", "Because.", "a verdict in bold"), ("?t=10", "", "a link to its moment")],
)
def test_entry_that_lacks_something_is_named(folder, old, new, missing):
    (folder / "page.md").write_text(PAGE.replace(old, new), encoding="utf-8")
    with pytest.raises(QuestionError) as raised:
        read_questions(folder)
    told = f"{folder}/page.md: expected {missing} below the heading 'Why?'"
    assert str(raised.value) == told


def test_the_directive_lists_all_by_chapter_or_those_about_a_page(tmp_path):
    docs = tmp_path / "docs"
    (docs / "lecture").mkdir(parents=True)
    (docs / "questions").mkdir()
    (docs / "questions" / "page.md").write_text(PAGE, encoding="utf-8")
    (docs / "chapters.toml").write_text(
        'video = "V"\nlength = 400\n[[chapters]]\nnumber = 1\ntitle = "All"\nstart = 0\n'
    )
    assert listed(docs / "lecture" / "initial-loss.md", docs) == [
        "- [Is it 3?](../questions/page.md#is-it-3) Yes, it is three."
    ]
    assert listed(docs / "questions" / "index.md", docs)[:4] == [
        *("", "## 1. All", "", "- [Why?](page.md#why) Because."),
    ]
    assert DIRECTIVES["[[questions]]"] is listed
    assert DIRECTIVES["[[chapters]]"](docs / "index.md", docs) == chapter_map(docs)
