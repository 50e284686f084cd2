"""Notebooks as pages: their Markdown, which the site then renders as any page.

mkdocs-jupyter takes the files in; of what it knows, only which cells to hide is asked. Out of the
box it would make HTML of a notebook, with styles and scripts of its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nbconvert.preprocessors import TagRemovePreprocessor
from nbformat import NotebookNode

from literate.markdown_ext import Source
from literate.notebook import NotebookError, code_cells, figure_texts, problems, read_notebook
from literate.outputs import printed

PLUGIN = "mkdocs-jupyter"
_METADATA = ("title", "description")
"""What a notebook's own metadata may say, as the front matter of a page does."""
_ATTACHMENT = re.compile(r"\(attachment:(?P<name>[^)\s]+)")


def convert(path: Path, settings: Mapping[str, Any]) -> tuple[str, Source]:
    """The Markdown of a notebook, and what stands in the place of its outputs.

    Args:
        path: The notebook.
        settings: The plugin's, of which `remove_tag_config` is obeyed.

    Raises:
        NotebookError: If it is no notebook, or its outputs are not those of one run of its code.
    """
    notebook = read_notebook(path)
    if found := problems(notebook):
        raise NotebookError("\n".join(f"{path}: {problem}" for problem in found))
    shown = {}
    for block, cell in enumerate(code_cells(notebook), start=1):
        shown[f"output-{block}"] = printed(block, cell.text)
        shown[f"html-{block}"] = f'<div class="lit-html" tabindex="0">{cell.html}</div>'
        shown |= {f"baked-{block}-{n}": svg for n, svg in enumerate(cell.figures, start=1)}
    words = notebook.metadata
    head = [f"{name}: {json.dumps(words[name])}\n" for name in _METADATA if name in words]
    hidden = {name: set(tags) for name, tags in settings["remove_tag_config"].items()}
    notebook, _ = TagRemovePreprocessor(**hidden).preprocess(notebook, {})
    parts = ["---\n", *head, "---\n\n"] if head else []
    parts += [f"{cell}\n\n" for cell in _markdown(notebook)]
    return "".join(parts), Source(path, shown)


def _markdown(notebook: NotebookNode) -> Iterator[str]:
    """What the page has in the place of each cell."""
    block = 0
    for cell in notebook.cells:
        lines: list[str] = []
        if cell.cell_type == "markdown":
            texts, rest = figure_texts(cell.source)
            for figure, (alt, caption) in enumerate(texts, start=1):
                lines += [f"![{alt}](baked-{block}-{figure})", caption, ""]
            lines.append(_ATTACHMENT.sub(partial(_inlined, cell), rest.strip()))
        for code in code_cells(NotebookNode(cells=[cell])):
            block = code.count or 0  # the cells were run in their order
            ticks = max(["```", *(f"{run}`" for run in re.findall("`{3,}", code.code))], key=len)
            hidden = cell.metadata.get("transient", {}).get("remove_source")
            shown = [] if hidden else [f"{ticks}python", *code.code.split("\n"), ticks, ""]
            shown += [f"![](output-{block})", ""] if code.text else []
            shown += [f"![](html-{block})"] if code.html else []
            if code.fold:
                title = code.fold.replace('"', "”")
                shown = [f'??? setup "{title}"', "", *(f"    {line}".rstrip() for line in shown)]
            lines += shown
        yield "\n".join(lines)


def _inlined(cell: NotebookNode, link: re.Match[str]) -> str:
    """A pasted image, which a notebook keeps in the cell, as the page's own."""
    for kind, content in cell.get("attachments", {}).get(unquote(link["name"]), {}).items():
        return f"(data:{kind};base64,{''.join(content.split())}"
    return link[0]
