"""The table of the lecture's chapters (`chapters.toml`): one source for the map and the checks."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_WORDS_A_MINUTE = 230


class ChaptersError(Exception):
    """A chapter table that contradicts itself; the message names file and chapter."""


@dataclass(frozen=True)
class Chapter:
    """One chapter, from second `start` to `end`.

    `page` is `path.md#anchor`, or empty; `about` says in a sentence what the notes tell.
    """

    number: int
    title: str
    start: int
    end: int
    page: str
    about: str = ""


@dataclass(frozen=True)
class Lecture:
    """The lecture's video and its chapters in order."""

    video: str
    chapters: tuple[Chapter, ...]

    def link(self, seconds: int) -> str:
        """A Markdown link to a moment: `[4:19](https://youtu.be/...?t=259)`."""
        return f"[{label(seconds)}](https://youtu.be/{self.video}?t={seconds})"


def read_chapters(path: Path) -> Lecture:
    """Read the table.

    Raises:
        ChaptersError: If chapters are missing a field, out of order or numbered with gaps.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = table["chapters"]
        ends = [*(row["start"] for row in rows[1:]), table["length"]]
        chapters = [
            Chapter(
                row["number"],
                row["title"],
                row["start"],
                end,
                row.get("page", ""),
                row.get("about", ""),
            )
            for row, end in zip(rows, ends, strict=True)
        ]
        lecture = Lecture(table["video"], tuple(chapters))
    except tomllib.TOMLDecodeError as error:
        raise ChaptersError(f"{path} is not TOML: {error}") from None
    except KeyError as error:
        raise ChaptersError(f"{path}: expected the field {error}, found none") from None
    for place, chapter in enumerate(chapters, start=1):
        if chapter.number != place or chapter.start >= chapter.end:
            raise ChaptersError(
                f"{path}: expected chapters numbered from 1 in rising order of `start`, "
                f"found number {chapter.number} at {chapter.start} s in place {place}"
            )
    return lecture


def label(seconds: int) -> str:
    """`4:19` for 259, `1:03:07` for 3787."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def chapter_map(docs: Path) -> list[str]:
    """The lines of the map that stands in the place of `[[chapters]]`."""
    lecture = read_chapters(docs / "chapters.toml")
    rows = ["| No. | Chapter | Starts at | To read |", "|--:|:--|:--|--:|"]
    before = ""
    for chapter in lecture.chapters:
        file = chapter.page.partition("#")[0]
        title, minutes = f"**{chapter.title}**", "to come"
        if file and (docs / file).is_file():
            title = f"[**{chapter.title}**]({chapter.page})"
            minutes = "" if file == before else f"{_minutes(docs / file)} min"
        start = lecture.link(chapter.start)
        rows.append(f"| {chapter.number} | {title}<br>{chapter.about} | {start} | {minutes} |")
        before = file
    return rows


def _minutes(path: Path) -> int:
    """Minutes to read a page, with its code and a few seconds for each figure."""
    text = path.read_text(encoding="utf-8")
    return max(1, round(len(text.split()) / _WORDS_A_MINUTE + text.count("](baked") / 6))
