"""Files written whole: what is on the disk when, and what is said if it cannot be there."""

import os
from pathlib import Path

import pytest

from makemore3.files import PART, written_whole


def test_all_of_it_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "a.bin", []

    def fsync(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, path.read_bytes()))

    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fsync)
    with written_whole(path) as file:
        file.write(b"new ones")
        assert [p.name for p in tmp_path.glob(f"*{PART}")] == [f"a.bin.{os.getpid()}.part"]
    assert seen == [(8, b"old")]
    assert path.read_bytes() == b"new ones"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_an_error_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.bin"
    with pytest.raises(FileNotFoundError) as raised, written_whole(path):
        pass
    assert raised.value.filename == str(path)
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), written_whole(path) as file:
        file.writelines([b"half", 3])  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(FileNotFoundError) as raised, written_whole(path):
        (tmp_path / "other").read_bytes()  # the caller's own trouble stays the caller's
    assert raised.value.filename == str(tmp_path / "other")
    with pytest.raises(OSError, match="No space") as full, written_whole(path):
        raise OSError(28, "No space left on device")
    assert full.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
