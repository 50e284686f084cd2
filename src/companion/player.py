"""The table from which the player of the lecture knows where the notes on a moment stand."""

import json
from pathlib import Path

from companion.chapters import Lecture, read_chapters
from literate.store import write_whole

TABLE = "assets/lecture.json"  # in the site; player.js loads it with the video


def write_moments(site: Path, chapters: Path) -> None:
    """Write the chapter table into the site, if the pages have one.

    Raises:
        ChaptersError: If the table contradicts itself.
    """
    if chapters.is_file():
        write_whole(site / TABLE, moments(read_chapters(chapters)).encode())


def moments(lecture: Lecture) -> str:
    """Return title, first and last second and the notes' address of each chapter, as JSON."""
    table = [
        {
            "title": chapter.title,
            "start": chapter.start,
            "end": chapter.end,
            "address": chapter.page.replace(".md", "/"),
        }
        for chapter in lecture.chapters
        if chapter.page
    ]
    return json.dumps(table, ensure_ascii=False, separators=(",", ":"))
