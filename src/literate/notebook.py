"""Notebooks: read, executed, compared and written whole, like pages; and pages made into them.

A notebook holds its own outputs. The digest of the code up to each cell, and what the outputs
depend on beside it, stand in its metadata, so that an outdated output shows without a run. Printed
text and figures as SVG are all that a cell may leave. Below a cell that draws stands a Markdown
cell which begins with one paragraph for each figure: `<!-- alt: alt text -->`, and in the next line
a caption.
"""

import copy
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from literate.compare import svg_difference, text_difference
from literate.page import CONT, CONT_MARKER, Page, front_matter_end, parse_page
from literate.store import Baked, Output, write_whole

DIRECTIVE = re.compile(r"^[ \t]*\[\[notebook (?P<file>[^\]\n]+)\]\][ \t]*$", re.MULTILINE)
"""The line of a page that stands for a notebook beside it."""

_ALT = re.compile(
    r"\A\s*<!--\s*alt:\s*(?P<alt>.*?)\s*-->[ ]*\n(?P<caption>(?:[^\n]*\S[^\n]*(?:\n|\Z))+)",
    re.DOTALL,
)
_FIGURE_PARAGRAPH = re.compile(r"^!\[.*?\]\(baked[^)]*\)\s*", re.DOTALL | re.MULTILINE)
_TEXT, _SVG = "text/plain", "image/svg+xml"
_METADATA = "literate"
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_PREPARE = "__import__('literate.notebook').notebook.prepare_kernel()"


class NotebookError(Exception):
    """A notebook that cannot be executed or shown; the message names notebook and cell."""


@dataclass(frozen=True)
class Cell:
    """A code cell, with what it printed and drew.

    `number` counts all cells from 1, as a reader of the file would; `texts` are the alt text and
    caption of each figure, from the Markdown cell below.
    """

    number: int
    code: str
    count: int | None
    text: str
    figures: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]


def read_notebook(path: Path, *, outputs: bool = True) -> NotebookNode:
    """Read the notebook at `path`, without its outputs if they are not wanted.

    Raises:
        NotebookError: If it is not a valid notebook, or a cell holds what no page can show.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # the reader raises many kinds
        reason = str(error).strip().split("\n")[0]
        raise NotebookError(f"{path}: expected a Jupyter notebook: {reason}") from None
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and not outputs:
            cell.outputs, cell.execution_count = [], None
        for output in cell.get("outputs", []):
            if problem := _unfit(output):
                raise NotebookError(f"{path}: cell {number} {problem}")
    return notebook


def code_cells(notebook: NotebookNode) -> list[Cell]:
    """The code cells of a notebook, in order."""
    found = []
    cells = notebook.cells
    for number, cell in enumerate(cells, start=1):
        if cell.cell_type != "code":
            continue
        below = cells[number] if number < len(cells) else None
        texts = figure_texts(below.source)[0] if below and below.cell_type == "markdown" else []
        data = [output.data for output in cell.outputs if "data" in output]
        found.append(
            Cell(
                number=number,
                code=cell.source,
                count=cell.execution_count,
                text=_printed(cell.outputs),
                figures=tuple(_joined(item[_SVG]) for item in data if _SVG in item),
                texts=tuple(texts),
            )
        )
    return found


def figure_texts(source: str) -> tuple[list[tuple[str, str]], str]:
    """The alt texts and captions that a Markdown cell begins with, and the rest of it."""
    texts = []
    while match := _ALT.match(source):
        texts.append((" ".join(match["alt"].split()), match["caption"].strip()))
        source = source[match.end() :]
    return texts, source


def problems(notebook: NotebookNode) -> list[str]:
    """What a reader should not meet: cells not run in order, outputs missing or outdated, and
    figures without their texts. Each message names its cell."""
    found = []
    cells = code_cells(notebook)
    keys = notebook.metadata.get(_METADATA, {}).get("keys", [])
    for index, (cell, key) in enumerate(zip(cells, _keys(cells), strict=True)):
        if index >= len(keys):
            found.append(f"cell {cell.number} was never baked")
        elif keys[index] != key:
            found.append(
                f"the output of cell {cell.number} is outdated: the code up to it has changed"
            )
        elif cell.count != index + 1:
            found.append(
                f"cell {cell.number} has the execution count {cell.count}, expected {index + 1}: "
                "the outputs must come from one run from top to bottom"
            )
        elif len(cell.figures) != len(cell.texts):
            found.append(
                f"cell {cell.number} draws {len(cell.figures)} figure(s), and the Markdown cell "
                f"below begins with {len(cell.texts)} paragraph(s) `<!-- alt: alt text -->` with "
                "a caption in the next line: there must be one for each"
            )
        elif not all(alt for alt, _ in cell.texts):
            found.append(f"a figure of cell {cell.number} has no alt text")
    if not found and len(keys) > len(cells):
        found.append(f"it was baked with {len(keys)} code cells and has {len(cells)} now")
    return found


def as_page(text: str, notebook: NotebookNode, path: Path) -> tuple[Page, Baked]:
    """The page `text` with a notebook in the place of `[[notebook file]]`, and its outputs.

    `path` is the page's, to be named in errors.

    Raises:
        NotebookError: If the notebook has problems.
        PageError: If the page cannot be shown.
    """
    if found := problems(notebook):
        raise NotebookError("\n".join(found))
    cells = code_cells(notebook)
    lines: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines += [CONT, ""] if any(line == "```" for line in lines) else []
            lines += ["```python", *cell.source.split("\n"), "```", ""]
        else:
            texts, rest = figure_texts(cell.source)
            for alt, caption in texts:
                lines += [f"![{alt}](baked)", caption, ""]
            lines += [*rest.strip().split("\n"), ""]
    page = parse_page(DIRECTIVE.sub(lambda _: "\n".join(lines), text, count=1), path)
    outputs = {
        block.number: Output(block.key, cell.text, cell.figures)
        for block, cell in zip(page.blocks, cells, strict=True)
    }
    return page, Baked(outputs, inputs(notebook))


def inputs(notebook: NotebookNode) -> dict[str, str]:
    """What the stored outputs depend on beside the code."""
    return dict(notebook.metadata.get(_METADATA, {}).get("inputs", {}))


def execute(
    notebook: NotebookNode, path: Path, *, time_limit: float, first: Sequence[str] = ()
) -> NotebookNode:
    """Return the notebook after a run from top to bottom in a kernel of its own.

    Args:
        notebook: What to run.
        path: Where it stands; the kernel works in its folder.
        time_limit: Seconds that one cell may take.
        first: Lines of Python that the kernel runs before the first cell.

    Raises:
        NotebookError: If a cell fails, takes too long, or leaves what no page can show.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    from literate.svg import clean

    result = copy.deepcopy(notebook)
    client = NotebookClient(
        result,
        timeout=round(time_limit),
        coalesce_streams=True,  # else it depends on the load how text is cut into pieces
        kernel_name=_KERNEL["name"],
        extra_arguments=[f"--InteractiveShellApp.exec_lines={[_PREPARE, *first]}"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel():
        code = [
            (n, cell) for n, cell in enumerate(result.cells, start=1) if cell.cell_type == "code"
        ]
        for count, (number, cell) in enumerate(code, start=1):
            try:
                client.execute_cell(cell, number - 1, execution_count=count)
            except CellExecutionError as error:
                trace = _without_colours(str(error)).strip()
                raise NotebookError(f"{path}: cell {number} failed:\n\n{trace}") from None
            except CellTimeoutError:
                raise NotebookError(
                    f"{path}: cell {number} ran longer than {time_limit:g} s:\n\n{cell.source}"
                ) from None
            except DeadKernelError as error:
                raise NotebookError(f"{path}: cell {number} ended the kernel: {error}") from None
            cell.metadata.pop("execution", None)  # when it ran is of no interest
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            figures = itertools.count(1)
            for output in cell.outputs:
                if problem := _unfit(output):
                    raise NotebookError(f"{path}: cell {number} {problem}")
                if svg := output.get("data", {}).get(_SVG):
                    svg = clean(_joined(svg), f"c{number}f{next(figures)}-")
                    output.data = NotebookNode({_SVG: svg, _TEXT: "a figure"})
    return result


def prepare_kernel() -> None:
    """Let figures be drawn as on the pages; the kernel runs this before the first cell."""
    import matplotlib
    from IPython.core.getipython import get_ipython
    from matplotlib_inline.config import InlineBackend

    from literate.svg import STYLE

    shell = get_ipython()
    assert shell is not None
    shell.run_line_magic("matplotlib", "inline")
    backend = InlineBackend.instance(parent=shell)
    backend.figure_formats = {"svg"}
    backend.print_figure_kwargs = {
        "bbox_inches": None,
        "metadata": {"Date": None, "Creator": None},
    }
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)


def differences(stored: NotebookNode, run: NotebookNode) -> list[str]:
    """How the outputs of a run differ from the stored ones, a message for each cell."""
    found = []
    for old, new in zip(code_cells(stored), code_cells(run), strict=True):
        if difference := text_difference(old.text, new.text):
            found.append(f"cell {old.number} printed something else:\n{difference}")
        if len(old.figures) != len(new.figures):
            found.append(
                f"cell {old.number} drew {len(new.figures)} figures, {len(old.figures)} are stored"
            )
            continue
        for index, pair in enumerate(zip(old.figures, new.figures, strict=True), start=1):
            if difference := svg_difference(*pair):
                found.append(f"cell {old.number} drew another figure {index}: {difference}")
    return found


def write_notebook(
    notebook: NotebookNode, path: Path, *, inputs: Mapping[str, str], versions: Mapping[str, str]
) -> None:
    """Write an executed notebook with the digests of its code, whole or not at all.

    Raises:
        NotebookError: If what was drawn and the texts below do not fit together.
    """
    notebook.metadata[_METADATA] = {
        "inputs": dict(inputs),
        "keys": list(_keys(code_cells(notebook))),
        "versions": dict(versions),
    }
    notebook.metadata.kernelspec = _KERNEL
    notebook.metadata.language_info = {"name": "python"}
    if found := problems(notebook):
        raise NotebookError("\n".join(f"{path}: {problem}" for problem in found))
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())


def from_page(page: Page, *, title: str, address: str, first: str) -> NotebookNode:
    """Make a notebook of a page: its blocks as code cells, what stands between as Markdown.

    Figures are left to be drawn, their captions stay. Links to other pages of the notes become
    absolute where the site's address is known, and mere text otherwise.

    Args:
        page: The page.
        title: How the page is called, for its metadata.
        address: The address of the page on the site, or "".
        first: The code of the first cell, which gets what the others need.
    """
    lines = list(_without_admonitions(page.text.split("\n")))
    cells = [nbformat.v4.new_code_cell(first)]
    start = front_matter_end(page.text)
    for block in page.blocks:
        _append_prose(cells, lines[start : block.first_line - 1], address)
        cells.append(nbformat.v4.new_code_cell(block.code.rstrip("\n")))
        start = block.last_line
    _append_prose(cells, lines[start:], address)
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number}"  # by chance otherwise, and another file after every build
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.title = title
    notebook.metadata.kernelspec = _KERNEL
    nbformat.validate(notebook)
    return notebook


def _append_prose(cells: list[NotebookNode], lines: Sequence[str], address: str) -> None:
    text = "\n".join(lines)
    text = _FIGURE_PARAGRAPH.sub("", CONT_MARKER.sub("", text))
    text = re.sub(r"(?<!!)\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]+)\)", _relinked(address), text)
    text = re.sub(r"^(#+ .*?) *\{[^}]*\}$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    if text:
        cells.append(nbformat.v4.new_markdown_cell(text))


def _without_admonitions(lines: Sequence[str]) -> Iterator[str]:
    """The lines with titles in bold and text unindented, as notebooks know no boxes and folds."""
    inside = False
    for line in lines:
        if match := re.match(r'^(?:!!!|\?\?\?\+?) *[\w ]*(?:"(?P<title>[^"]*)")?$', line):
            inside = True
            yield f"**{match['title']}**\n" if match["title"] else ""
        elif inside and line.startswith("    "):
            yield line[4:]
        else:
            inside = inside and not line.strip()
            yield line


def _relinked(address: str) -> Any:
    def link(match: re.Match[str]) -> str:
        label, target = match["label"], match["target"]
        if re.match(r"[a-z]+:", target):
            return match[0]
        if not address:
            return label
        if target.startswith("#"):
            return f"[{label}]({address}{target})"
        file, _, anchor = target.partition("#")
        folder = file.removesuffix("index.md").removesuffix(".md")
        return f"[{label}]({address}../{folder}/{'#' if anchor else ''}{anchor})"

    return link


def _keys(cells: Sequence[Cell]) -> Iterator[str]:
    digest = hashlib.sha256()
    for cell in cells:
        code = "\n".join(line.rstrip() for line in cell.code.strip().split("\n"))
        digest.update(code.encode() + b"\0")
        yield digest.hexdigest()[:16]


def _printed(outputs: Sequence[NotebookNode]) -> str:
    parts = []
    for output in outputs:
        if output.output_type == "stream":
            parts.append(_joined(output.text))
        elif _SVG not in output.data:
            parts.append(_joined(output.data[_TEXT]) + "\n")
    return "".join(parts)


def _unfit(output: NotebookNode) -> str | None:
    """Why an output can be neither compared nor shown, or `None`."""
    kind = output.output_type
    if kind == "error":
        return f"stores an error: {output.ename}: {output.evalue}"
    if kind == "stream" and output.name == "stdout":
        return None
    if kind in ("display_data", "execute_result") and output.data.keys() <= {_TEXT, _SVG}:
        return None
    what = output.name if kind == "stream" else ", ".join(sorted(output.data))
    return f"has an output of kind {what}: expected printed text, or figures as SVG"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
