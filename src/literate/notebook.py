"""Notebooks of the docs folder: executed as the pages are, with what came out kept inside them.

A notebook is its own store. Its cells hold their outputs, its metadata the digest of the code up to
each cell, and what the outputs depend on beside it, so that an outdated output shows without a run.
Below a cell that draws stands a Markdown cell which begins with one paragraph for each figure:
`<!-- alt: alt text -->`, and in the next line a caption. A cell whose source Jupyter hides
(`"jupyter": {"source_hidden": true}`) begins with a comment that says what it does.
"""

import copy
import hashlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from literate import compare
from literate.page import PYTHON_LIKE
from literate.record import OUTPUT_LIMIT, too_large, too_long
from literate.store import write_whole

_ALT = re.compile(
    r"\A\s*<!--\s*alt:\s*(?P<alt>.*?)\s*-->[ ]*\n(?P<caption>(?:[^\n]*\S[^\n]*(?:\n|\Z))+)",
    re.DOTALL,
)
_FENCE = re.compile(  # whole, so that a fence within another is none
    r"^[ >]*(?P<ticks>`{3,}|~{3,})(?P<info>.*)$(?:\n(?![ >]*(?P=ticks)[`~]* *$).*)*(?:\n.*)?",
    re.MULTILINE,
)
_ACTIVE = re.compile(
    r"<(?:script|iframe|object|embed|link)\b|\b(?:src|href)=[\"']?(?:\w+:)?//", re.I
)
_TEXT, _HTML, _SVG = "text/plain", "text/html", "image/svg+xml"
_PICTURES = ("image/png", "image/jpeg")
_METADATA = "literate"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_PREPARE = "__import__('literate.notebook').notebook.prepare_kernel()"


class NotebookError(Exception):
    """A notebook that cannot be executed or shown; the message names notebook and cell."""


@dataclass(frozen=True)
class Cell:
    """A code cell, with what it printed and drew.

    `number` counts all cells from 1, as a reader of the file would; `figures` are SVG or `<img>`,
    `html` is what libraries show as HTML; `texts` are the alt text and caption of each figure, from
    the Markdown cell below; `fold` is what hidden code says of itself, None where it is shown.
    """

    number: int
    code: str
    count: int | None
    text: str
    html: str
    figures: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    fold: str | None


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
        _refuse_unfit(cell, f"{path}: cell {number}")
    return notebook


def code_cells(notebook: NotebookNode) -> list[Cell]:
    """The code cells of a notebook, in order; empty ones are no cells."""
    found = []
    below = [*notebook.cells[1:], None]
    for number, (cell, after) in enumerate(zip(notebook.cells, below, strict=True), start=1):
        if cell.cell_type == "code" and cell.source.strip():
            shown = [_shown(output) for output in cell.outputs]
            texts = figure_texts(after.source)[0] if after and after.cell_type == "markdown" else []
            text, html = (
                "".join(content for kind, content in shown if kind == wanted)
                for wanted in (_TEXT, _HTML)
            )
            figures = tuple(content for kind, content in shown if kind not in (_TEXT, _HTML))
            count, code = cell.execution_count, cell.source
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
            fold = "".join(re.findall(r"\A#\s*(.+)", code)) if hidden else None
            found.append(Cell(number, code, count, text, html, figures, tuple(texts), fold))
    return found


def figure_texts(source: str) -> tuple[list[tuple[str, str]], str]:
    """The alt texts and captions that a Markdown cell begins with, and the rest of it."""
    texts = []
    while match := _ALT.match(source):
        texts.append((" ".join(match["alt"].split()), match["caption"].strip()))
        source = source[match.end() :]
    return texts, source


def problems(notebook: NotebookNode) -> list[str]:
    """What a reader should not meet: cells not run in order, outputs missing or outdated, figures
    without their texts, and python that is only shown. Each message names its cell."""
    found = [
        f"cell {number} shows python that never runs: make it a code cell, or a `text` fence"
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "markdown"
        and any(PYTHON_LIKE.match(fence["info"].strip()) for fence in _FENCE.finditer(cell.source))
    ]
    cells = code_cells(notebook)
    keys = notebook.metadata.get(_METADATA, {}).get("keys", [])
    for index, (cell, key) in enumerate(zip(cells, _keys(cells), strict=True)):
        if index >= len(keys):
            found.append(f"cell {cell.number} was never baked")
        elif keys[index] != key:
            changed = "is outdated: the code up to it has changed"
            found.append(f"the output of cell {cell.number} {changed}")
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
        elif cell.fold == "":
            told = "begin it with a comment that says what it does"
            found.append(f"the source of cell {cell.number} is hidden: {told}")
    if not found and len(keys) > len(cells):
        found.append(f"it was baked with {len(keys)} code cells and has {len(cells)} now")
    return found


def inputs(notebook: NotebookNode) -> dict[str, str]:
    """What the stored outputs depend on beside the code."""
    return dict(notebook.metadata.get(_METADATA, {}).get("inputs", {}))


def execute(
    notebook: NotebookNode, path: Path, *, time_limit: float, first: Sequence[str] = ()
) -> NotebookNode:
    """Return the notebook after a run from top to bottom in a kernel of its own.

    The kernel is this interpreter's, with none of the user's own settings.

    Args:
        notebook: What to run.
        path: Where it stands; the kernel works in its folder.
        time_limit: Seconds that one cell may take.
        first: Lines of Python that the kernel runs before the first cell.

    Raises:
        NotebookError: If a cell fails, takes too long, or leaves what no page can show.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    result = copy.deepcopy(notebook)
    own = KernelSpecManager(kernel_dirs=[])  # no other kernel of the same name
    client = NotebookClient(
        result,
        km=AsyncKernelManager(kernel_name=KERNEL["name"], kernel_spec_manager=own),
        timeout=round(time_limit),
        coalesce_streams=True,  # else it depends on the load how text is cut into pieces
        extra_arguments=[
            f"--InteractiveShellApp.exec_lines={[_PREPARE, *first]}",
            "--InteractiveShell.ast_node_interactivity=last_expr",
        ],
        resources={"metadata": {"path": str(path.parent)}},
    )
    with tempfile.TemporaryDirectory() as empty:
        settings = {"IPYTHONDIR": empty, "JUPYTER_CONFIG_DIR": empty, "JUPYTER_NO_CONFIG": "1"}
        environment = {**os.environ, **settings}
        environment.pop("PYTHONSTARTUP", None)  # IPython runs it
        with client.setup_kernel(env=environment, cleanup_kc=True):
            count = itertools.count(1)
            for index, cell in enumerate(result.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                where = f"{path}: cell {index + 1}"
                try:
                    client.execute_cell(cell, index, execution_count=next(count))
                except CellExecutionError as error:
                    trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
                    raise NotebookError(f"{where} failed:\n\n{trace}") from None
                except CellTimeoutError:
                    told = f"{where} ran longer than {time_limit:g} s:\n\n{cell.source}"
                    raise NotebookError(told) from None
                except DeadKernelError as error:
                    raise NotebookError(f"{where} ended the kernel: {error}") from None
                _tidy(cell, index + 1)
                _refuse_unfit(cell, where)
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
    whole: Any = {"bbox_inches": None}
    backend.print_figure_kwargs = whole
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)


def differences(stored: NotebookNode, run: NotebookNode) -> list[str]:
    """How the outputs of a run differ from the stored ones."""
    found = []
    for old, new in zip(code_cells(stored), code_cells(run), strict=True):
        pair = (old.text, old.figures), (new.text, new.figures)
        found += compare.differences(f"cell {old.number}", *pair)
        if difference := compare.text_difference(old.html, new.html):
            found.append(f"cell {old.number} shows other HTML:\n{difference}")
    return found


def write_notebook(
    notebook: NotebookNode, path: Path, *, inputs: Mapping[str, str], versions: Mapping[str, str]
) -> None:
    """Write an executed notebook with the digests of its code, whole or not at all.

    Raises:
        NotebookError: If what was drawn and the texts below do not fit together.
    """
    keys = list(_keys(code_cells(notebook)))
    notebook.metadata[_METADATA] = {"inputs": {**inputs}, "keys": keys, "versions": {**versions}}
    notebook.metadata.kernelspec = KERNEL
    notebook.metadata.language_info = {"name": "python"}
    if found := problems(notebook):
        raise NotebookError("\n".join(f"{path}: {problem}" for problem in found))
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())


def _tidy(cell: NotebookNode, number: int) -> None:
    """Keep of an executed cell what is shown, so that every run leaves the same bytes."""
    from literate.svg import clean

    cell.metadata.pop("execution", None)  # when it ran is of no interest
    cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    figures = itertools.count(1)
    for output in cell.outputs:
        if svg := output.get("data", {}).get(_SVG):
            svg = clean(svg, f"c{number}f{next(figures)}-")
            output.data = NotebookNode({_SVG: svg, _TEXT: "a figure"})


def _shown(output: NotebookNode) -> tuple[str, str]:
    """The kind of what is shown of an output, and its text, HTML, or picture."""
    if output.output_type == "stream":
        return _TEXT, output.text
    data = output.data
    for kind in _PICTURES:
        if kind in data and _SVG not in data:
            return kind, f'<img src="data:{kind};base64,{"".join(data[kind].split())}"/>'
    for kind in (_SVG, _HTML):
        if kind in data:
            return kind, data[kind]
    return _TEXT, data[_TEXT] + "\n"


def _refuse_unfit(cell: NotebookNode, where: str) -> None:
    """Refuse an output that can be neither compared nor shown, or is too large."""
    length = 0
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            raise NotebookError(f"{where} stores an error: {output.ename}: {output.evalue}")
        what = output.name if output.output_type == "stream" else ", ".join(sorted(output.data))
        if what != "stdout" and not {_TEXT, _HTML, _SVG, *_PICTURES}.intersection(what.split(", ")):
            wanted = "expected text, a table as HTML, or a picture"
            raise NotebookError(f"{where} has an output of kind {what}: {wanted}")
        kind, content = _shown(output)
        if kind == _HTML and _ACTIVE.search(content):
            told = "outputs HTML with scripts or addresses of other sites, which no page loads"
            raise NotebookError(f"{where} {told}: print a text, or draw a figure")
        length += len(content) if kind in (_TEXT, _HTML) else 0
        if kind not in (_TEXT, _HTML) and (problem := too_large(content, "one of this cell")):
            raise NotebookError(f"{where}: {problem}")
    if length > OUTPUT_LIMIT:
        raise NotebookError(f"{where}: {too_long(OUTPUT_LIMIT)}")


def _keys(cells: Sequence[Cell]) -> Iterator[str]:
    digest = hashlib.sha256()
    for cell in cells:
        code = "\n".join(line.rstrip() for line in cell.code.strip().split("\n"))
        digest.update(code.encode() + b"\0")
        yield digest.hexdigest()[:16]
