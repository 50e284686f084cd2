"""The table of the lecture's chapters."""

from pathlib import Path

import pytest

from companion.chapters import Chapter, ChaptersError, chapter_map, label, read_chapters

TABLE = """
video = "VIDEO"
length = 100

[[chapters]]
number = 1
title = "One"
start = 0
page = "one.md#start"
about = "What it tells."

[[chapters]]
number = 2
title = "Two"
start = 70
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "chapters.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_chapter_ends_where_the_next_begins(tmp_path):
    lecture = read_chapters(write(tmp_path, TABLE))
    assert lecture.video == "VIDEO"
    assert lecture.chapters == (
        Chapter(1, "One", 0, 70, "one.md#start", "What it tells."),
        Chapter(2, "Two", 70, 100, ""),
    )


def test_the_time_to_read_a_page_stands_once_in_the_map(tmp_path):
    write(tmp_path, TABLE + 'page = "one.md#two"\n')
    for words, figures, shown in (
        *((344, 0, "1 min"), (345, 0, "2 min")),
        *((332, 12, "3 min"), (333, 12, "4 min")),
    ):
        (tmp_path / "one.md").write_text("word " * words + "![a](baked)\n" * figures)
        minutes = [row.split("|")[-2].strip() for row in chapter_map(tmp_path)[2:]]
        assert minutes == [shown, ""]
    (tmp_path / "one.md").write_text("word")
    assert chapter_map(tmp_path) == [
        "| No. | Chapter | Starts at | To read |",
        "|--:|:--|:--|--:|",
        "| 1 | [**One**](one.md#start)<br>What it tells. | [0:00](https://youtu.be/VIDEO?t=0) "
        "| 1 min |",
        "| 2 | [**Two**](one.md#two)<br> | [1:10](https://youtu.be/VIDEO?t=70) |  |",
    ]


def test_a_chapter_without_its_page_is_to_come(tmp_path):
    write(tmp_path, TABLE)
    assert [row.split(" | ")[1::2] for row in chapter_map(tmp_path)[2:]] == [
        ["**One**<br>What it tells.", "to come |"],
        ["**Two**<br>", "to come |"],
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0:00"),
        (4, "0:04"),
        (259, "4:19"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (3787, "1:03:07"),
    ],
)
def test_labels_are_minutes_or_hours(seconds, expected):
    assert label(seconds) == expected


def test_link_is_plain_markdown_to_the_second(tmp_path):
    lecture = read_chapters(write(tmp_path, TABLE))
    assert lecture.link(259) == "[4:19](https://youtu.be/VIDEO?t=259)"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("start = 70", "start = 0", r"found number 1 at 0 s in place 1"),
        ("start = 70", "start = 100", r"found number 2 at 100 s in place 2"),
        ("number = 2", "number = 3", r"expected chapters numbered from 1.*found number 3"),
        ('title = "Two"', "", r"expected the field 'title', found none"),
        ("start = 70", "", r"expected the field 'start', found none"),
        ("length = 100", "", r"expected the field 'length', found none"),
        ("number = 1", "number =", r"is not TOML: .*line 6"),
    ],
)
def test_table_that_contradicts_itself_is_refused(tmp_path, old, new, message):
    path = write(tmp_path, TABLE.replace(old, new))
    with pytest.raises(ChaptersError, match=message) as caught:
        read_chapters(path)
    assert str(caught.value).startswith(str(path))
