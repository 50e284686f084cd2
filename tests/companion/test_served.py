"""Files of the site that stand elsewhere in the repository."""

from pathlib import Path

import pytest

from companion.served import front_coded, served


@pytest.mark.parametrize(
    ("place", "content"), [("a/w.txt", "an\nand\nbe\n"), ("a/w.front.txt", "0an\n2d\n0be\n")]
)
def test_a_file_from_elsewhere_is_served(tmp_path: Path, place: str, content: str) -> None:
    (tmp_path / "words.txt").write_text("an\nand\nbe\n")
    assert list(served(tmp_path, {place: "words.txt"})) == [(place, content)]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        list(served(tmp_path, {"a.txt": "no.txt"}))
    assert str(raised.value) == f"extra.served names no.txt, which is not in {tmp_path}"


def test_more_than_nine_shared_letters_count_as_nine() -> None:
    assert front_coded("abcdefghijk\nabcdefghijkl\n") == "0abcdefghijk\n9jkl\n"


def test_a_word_twice_shares_its_own_letters() -> None:
    assert front_coded("ann\nann\n") == "0ann\n3\n"
