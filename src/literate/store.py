"""The baked outputs of pages: text and SVG files with a manifest, one folder a page.

`docs/baked/<page>/03.txt` is what block 3 printed, `03-1.svg` the first figure it drew. The
manifest holds each block's key, each file's digest and the provenance. The pytest plugin is the
only writer.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from literate.page import Block, Page

MANIFEST = "manifest.json"
_FORMAT = 1
_REMEDY = "restore it from version control, or run `pytest --bake` for the page"


class StoreError(Exception):
    """Baked files that cannot be trusted; the message names the file and the remedy."""


@dataclass(frozen=True)
class Output:
    """What one block printed and drew. `key` is the key of the block that did."""

    key: str
    text: str = ""
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baked:
    """The outputs of a page by block number, and where they come from.

    `inputs` names what the numbers depend on beside the code (a data set's digest): outputs are
    compared only between equal inputs. `versions` is there to be read.
    """

    outputs: Mapping[int, Output] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Something about a page's baked outputs that a reader should not meet."""

    line: int
    message: str


def page_files(docs: Path, pattern: str = "*.md") -> list[Path]:
    """The files of pages, in order. Hidden ones (locks of editors, checkpoints) are none."""
    return [
        path
        for path in sorted(docs.rglob(pattern))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(docs).parts)
    ]


def page_name(path: Path, docs: Path) -> str:
    """The page's path below `docs`, without its suffix: `lecture/initial-loss`."""
    return path.relative_to(docs).with_suffix("").as_posix()


class Store:
    """Reads and writes the baked outputs below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, name: str) -> bool:
        """Whether page `name` was ever baked."""
        return self._folder(name).is_dir()

    def read(self, name: str) -> Baked | None:
        """The outputs of page `name`, or `None` if it was never baked.

        Raises:
            StoreError: If the manifest or a file is missing, damaged or edited by hand.
        """
        folder = self._folder(name)
        if not folder.is_dir():
            return None
        path = folder / MANIFEST
        try:
            manifest = json.loads(_read(path))
            if manifest["format"] != _FORMAT:
                raise ValueError(f"expected format {_FORMAT}, found {manifest['format']}")
            listed = [
                (int(number), entry["key"], dict(entry["files"]))
                for number, entry in manifest["blocks"].items()
            ]
            inputs, versions = dict(manifest["inputs"]), dict(manifest["versions"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{path} is damaged ({error}): {_REMEDY}") from None
        outputs = {}
        for number, key, digests in listed:
            files = {file: _read(folder / file, digest) for file, digest in digests.items()}
            text = "".join(text for file, text in files.items() if file.endswith(".txt"))
            figures = tuple(text for file, text in files.items() if file.endswith(".svg"))
            outputs[number] = Output(key, text, figures)
        return Baked(outputs, inputs, versions)

    def write(self, name: str, baked: Baked) -> list[Path]:
        """Replace the outputs of page `name` as a whole; returns the files written.

        An interruption at any moment leaves either the old outputs or the new ones.

        Raises:
            StoreError: If other pages have their outputs inside this page's folder.
        """
        folder = self.root / name
        new, old = _beside(folder, ".new"), _beside(folder, ".old")
        if old.is_dir() and not folder.is_dir():
            old.rename(folder)
        if folder.is_dir() and any(path.is_dir() for path in folder.iterdir()):
            raise StoreError(f"{folder} holds other pages' outputs too: call the page {name}/index")
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir(parents=True)
        inputs, versions = dict(baked.inputs), dict(baked.versions)
        manifest = {"format": _FORMAT, "inputs": inputs, "versions": versions, "blocks": {}}
        for number, output in sorted(baked.outputs.items()):
            files = _files(number, output)
            for file, text in files.items():
                (new / file).write_text(text, encoding="utf-8", newline="\n")
            digests = {file: _digest(text) for file, text in files.items()}
            manifest["blocks"][str(number)] = {"key": output.key, "files": digests}
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        (new / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
        if folder.is_dir():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
        return sorted(folder.iterdir())

    def problems(self, page: Page, name: str) -> list[Problem]:
        """What is missing, outdated, damaged or left over among the outputs of `page`."""
        try:
            baked = self.read(name)
        except StoreError as error:
            return [Problem(page.blocks[0].first_line if page.blocks else 1, str(error))]
        found = [
            Problem(block.first_line, message)
            for block in page.blocks
            for message in block_problems(block, baked or Baked())
        ]
        if baked is not None:
            found += [Problem(1, text) for text in self._left_over(page, name, baked)]
        return found

    def _left_over(self, page: Page, name: str, baked: Baked) -> Iterator[str]:
        known = {MANIFEST}.union(*(_files(*item) for item in baked.outputs.items()))
        for file in sorted(path.name for path in self._folder(name).iterdir()):
            if file not in known:
                yield f"{file} belongs to no block"
        for number in sorted(set(baked.outputs) - {block.number for block in page.blocks}):
            yield f"there are outputs of block {number}, which is gone"

    def orphans(self, names: Iterable[str]) -> list[str]:
        """Folders below the root whose page is gone, or that an interrupted write left over."""
        pages = {self.root / name for name in names}
        folders = {path.parent for path in self.root.rglob("*") if path.is_file()}
        return sorted(path.relative_to(self.root).as_posix() for path in folders - pages)

    def _folder(self, name: str) -> Path:
        """The page's folder, or what an interrupted write put aside."""
        folder = self.root / name
        old = _beside(folder, ".old")
        return old if old.is_dir() and not folder.is_dir() else folder


def block_problems(block: Block, baked: Baked) -> list[str]:
    """What is missing or outdated about one block, and whether its figures have their texts."""
    output = baked.outputs.get(block.number)
    if output is None:
        return [f"block {block.number} was never baked"]
    if output.key != block.key:
        return [f"the output of block {block.number} is outdated: the code up to it has changed"]
    return figure_problems(block, output.figures)


def figure_problems(block: Block, figures: Sequence[str]) -> list[str]:
    """What is wrong with the texts of the figures that `block` draws: count, alt, caption."""
    if len(figures) != len(block.figures):
        return [
            f"block {block.number} draws {len(figures)} figure(s), and {len(block.figures)} "
            "`![alt text](baked) caption` stand directly below it: there must be one for each"
        ]
    return [
        f"the figure in line {figure.line} has no {part}: `![alt text](baked) caption` needs both"
        for figure in block.figures
        for part, text in (("alt text", figure.alt), ("caption", figure.caption))
        if not text
    ]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}{suffix}")


def _files(number: int, output: Output) -> dict[str, str]:
    """The files of one block, by name."""
    files = {f"{number:02}.txt": output.text} if output.text else {}
    return files | {f"{number:02}-{n}.svg": text for n, text in enumerate(output.figures, start=1)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path, digest: str | None = None) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise StoreError(f"{path} is missing: {_REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read ({error}): {_REMEDY}") from None
    if digest is not None and _digest(text) != digest:
        raise StoreError(f"{path} is not what was baked (damaged or edited by hand): {_REMEDY}")
    return text
