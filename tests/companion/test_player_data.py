"""The table of chapters as the player reads it."""

import json
from pathlib import Path

from companion.chapters import Chapter, Lecture
from companion.player import TABLE, moments, write_moments


def test_each_chapter_with_notes_is_a_row_with_its_address() -> None:
    lecture = Lecture(
        "P6sfmUTpUmc",
        (
            Chapter(1, "Intro", 0, 82, "lecture/starter-code.md#intro"),
            Chapter(2, "To come", 82, 90, ""),
            Chapter(3, "The énd", 90, 100, "lecture/end.md"),
        ),
    )
    assert moments(lecture) == (
        '[{"title":"Intro","start":0,"end":82,"address":"lecture/starter-code/#intro"},'
        '{"title":"The énd","start":90,"end":100,"address":"lecture/end/"}]'
    )


def test_the_table_is_written_where_there_is_one(tmp_path: Path) -> None:
    write_moments(tmp_path, tmp_path / "chapters.toml")
    assert not list(tmp_path.iterdir())
    real = Path(__file__).parents[2] / "docs" / "chapters.toml"
    write_moments(tmp_path, real)
    table = json.loads((tmp_path / TABLE).read_text(encoding="utf-8"))
    assert len(table) == 17
    assert [row["end"] for row in table[:-1]] == [row["start"] for row in table[1:]]
