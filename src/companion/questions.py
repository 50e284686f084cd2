"""The viewers' questions: found on their pages, listed by chapter and below the notes."""

import re
from dataclasses import dataclass
from pathlib import Path

from companion.chapters import Lecture, chapter_map, read_chapters
from companion.reading import MOMENT, entries
from literate.page import read_page

_VERDICT = re.compile(r"\*\*(?P<words>.+?)\*\*", re.DOTALL)
_NOTES = re.compile(r"\]\(\.\./(?P<page>(?:lecture|exercises)/[\w-]+\.md)(?:#[\w-]+)?\)")
_SECONDS = re.compile(rf"\[[\d:]+[^\]]*\]\((?P<target>{MOMENT.pattern})\)")


@dataclass(frozen=True)
class Question:
    """A viewer's question: where it is answered, the verdict, its moment, the notes about it."""

    file: str
    slug: str
    title: str
    verdict: str
    seconds: int
    notes: tuple[str, ...]


class QuestionError(ValueError):
    """An entry that lacks its verdict or its moment; the message names file and heading."""


def read_questions(folder: Path) -> list[Question]:
    """Read the entries of all pages in a folder, in the order of their moments, then of the files.

    Raises:
        QuestionError: If an entry has no verdict in bold or no link to its moment.
        PageError: If a page cannot be parsed.
    """
    questions = []
    for path in sorted(folder.glob("*.md")):
        if path.name == "index.md":
            continue
        for title, slug, text in entries("\n".join(read_page(path).prose())):
            moment, verdict = _SECONDS.search(text), _VERDICT.search(text)
            if moment is None or verdict is None:
                missing = "a verdict in bold" if verdict is None else "a link to its moment"
                raise QuestionError(f"{path}: expected {missing} below the heading {title!r}")
            questions.append(
                Question(
                    path.name,
                    slug,
                    title,
                    " ".join(verdict["words"].split()),
                    int(moment["target"].rpartition("=")[2]),
                    tuple(dict.fromkeys(match["page"] for match in _NOTES.finditer(text))),
                )
            )
    return sorted(questions, key=lambda question: question.seconds)


def by_chapter(questions: list[Question], lecture: Lecture) -> list[str]:
    """Markdown for the index of the questions: a heading for each chapter that has some."""
    lines: list[str] = []
    for chapter in lecture.chapters:
        asked = [q for q in questions if chapter.start <= q.seconds < chapter.end]
        if asked:
            lines += ["", f"## {chapter.number}. {chapter.title}", ""]
            lines += [_item(question, "") for question in asked]
    return lines


def about(questions: list[Question], page: str) -> list[str]:
    """Markdown for the questions whose entries link first to `page`, a path below the docs."""
    asked = [question for question in questions if question.notes[:1] == (page,)]
    return [_item(question, "../questions/") for question in asked]


def listed(path: Path, docs: Path) -> list[str]:
    """The lines in the place of `[[questions]]`: all by chapter, or those about the page `path`.

    Raises:
        QuestionError: If a question lacks its verdict or its moment.
        PageError: If a page cannot be parsed.
    """
    folder = docs / "questions"
    if path.parent == folder:
        return by_chapter(read_questions(folder), read_chapters(docs / "chapters.toml"))
    return about(read_questions(folder), path.relative_to(docs).as_posix())


DIRECTIVES = {"[[chapters]]": lambda _, docs: chapter_map(docs), "[[questions]]": listed}
"""Lines of pages, and what makes the lines in their place of the page and the docs folder."""


def _item(question: Question, folder: str) -> str:
    return f"- [{question.title}]({folder}{question.file}#{question.slug}) {question.verdict}"
