"""What only MkDocs can do for the pages; nothing here knows what a page says.

The plugin tells the Markdown extension which page it renders, and gives MkDocs the Markdown of
notebooks.
"""

import logging
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.pages import Page as SitePage

from literate.markdown_ext import Source
from literate.notebook import NotebookError

log = logging.getLogger("mkdocs.plugins.literate")


class LiteratePlugin(BasePlugin):
    """The events of MkDocs, in their order."""

    source: Source | None = None

    def on_config(self, config: MkDocsConfig) -> None:
        """Let the extension ask which page is rendered."""
        config.mdx_configs.setdefault("literate", {})["page"] = lambda: self.source

    def on_page_read_source(self, *, page: SitePage, config: MkDocsConfig) -> str | None:
        """Note which page comes next; a notebook's source is its Markdown."""
        path = page.file.abs_src_path
        self.source = Source(Path(path)) if path else None
        if self.source is None or self.source.path.suffix != ".ipynb":
            return None
        from literate.notebook_page import PLUGIN, convert

        vars(page).pop("render", None)  # the plugin's own; MkDocs renders what it gets
        path = self.source.path
        try:
            text, self.source = convert(path, config.plugins[PLUGIN].config)
        except NotebookError as error:
            log.warning("%s", error)
            return f"# {path.name}\n\nThis notebook cannot be shown: `pytest --bake` renews it."
        return text
