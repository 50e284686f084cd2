"""Notebooks as pages, through mkdocs-jupyter: what is known of that plugin's inside stands here.

The plugin takes the files in and sets nbconvert up, as its settings say. The template is ours: it
makes Markdown of a notebook, which the site then renders as any page. Out of the box it would be
HTML, with styles and scripts of its own.
"""

import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from literate.markdown_ext import Source
from literate.notebook import NotebookError, code_cells, figure_texts, problems, read_notebook
from literate.outputs import printed

PLUGIN = "mkdocs-jupyter"
TEMPLATES = Path(__file__).parent / "templates"
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
    with _nobodys_settings():
        from mkdocs_jupyter.nbconvert2 import get_nbconvert_app

        app = get_nbconvert_app(remove_tag_config=settings["remove_tag_config"])
    exporter = TemplateExporter(
        config=app.config,
        template_name="base",
        template_file="notebook.md.j2",
        extra_template_paths=[str(TEMPLATES)],
        preprocessors=[ToMarkdown],
    )
    return exporter.from_notebook_node(notebook)[0], Source(path, shown)


@contextmanager
def _nobodys_settings() -> Any:
    """Keep a user's own nbconvert configuration out: it can empty the outputs."""
    before = os.environ.get("JUPYTER_NO_CONFIG")
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    try:
        yield
    finally:
        del os.environ["JUPYTER_NO_CONFIG"]
        if before is not None:
            os.environ["JUPYTER_NO_CONFIG"] = before


class ToMarkdown(Preprocessor):
    """Makes Markdown of every cell; nbconvert calls it before it fills in the template."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Write into each cell what the page has in its place."""
        block = 0
        for cell in nb.cells:
            lines: list[str] = []
            if cell.cell_type == "markdown":
                texts, rest = figure_texts(cell.source)
                for figure, (alt, caption) in enumerate(texts, start=1):
                    lines += [f"![{alt}](baked-{block}-{figure})", caption, ""]
                lines.append(_ATTACHMENT.sub(partial(_inlined, cell), rest.strip()))
            for code in code_cells(NotebookNode(cells=[cell])):
                block = code.count or 0  # the cells were run in their order
                ticks = max(
                    ["```", *(f"{run}`" for run in re.findall("`{3,}", code.code))], key=len
                )
                if not cell.get("transient", {}).get("remove_source"):
                    lines += [f"{ticks}python", code.code, ticks, ""]
                lines += [f"![](output-{block})", ""] if code.text else []
                lines += [f"![](html-{block})"] if code.html else []
            cell.source = "\n".join(lines)
        return nb, resources


def _inlined(cell: NotebookNode, link: re.Match[str]) -> str:
    """A pasted image, which a notebook keeps in the cell, as the page's own."""
    for kind, content in cell.get("attachments", {}).get(unquote(link["name"]), {}).items():
        return f"(data:{kind};base64,{''.join(content.split())}"
    return link[0]
