"""What this site adds to a build by MkDocs, beside what its Markdown extension does.

The plugin takes in files that stand elsewhere, offers pages and notebooks for download, and takes
the steps after the build.
"""

import logging
import posixpath
import re
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

import nbformat
from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage
from mkdocs.utils.templates import TemplateContext

from companion.commit import commit
from companion.download import Link, from_page, relinked
from companion.finish import finish
from companion.questions import DIRECTIVES
from companion.served import served
from literate.notebook import NotebookError, read_notebook
from literate.page import PageError, read_page
from literate.store import write_whole

log = logging.getLogger("mkdocs.plugins.companion")

_CLONE = re.compile(r'<span class="gp">\$ </span>git clone REPOSITORY\b[^\n]*\n')


class Options(Config):
    """The plugin's options in `mkdocs.yml`."""

    notebook_setup = config_options.Type(str, default="")
    """The first cell of every notebook; the empty `REPOSITORY` becomes `extra.repository`."""
    colab = config_options.Type(str, default="")
    """Where Colab opens the site's notebooks; no link to it if empty."""


class CompanionPlugin(BasePlugin[Options]):
    """The events of MkDocs, in their order."""

    files: Files

    def on_config(self, config: MkDocsConfig) -> None:
        """Name the commit to the templates, where the configuration does not."""
        root = Path(config.config_file_path).parent
        config.extra["commit"] = config.extra.get("commit") or commit(root)

    @event_priority(-100)
    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Add the files that stand elsewhere, and keep all, which tell where a link leads."""
        root = Path(config.config_file_path).parent
        for place, content in served(root, config.extra.get("served", {})):
            files.append(File.generated(config, place, content=content))
        self.files = files

    def on_page_markdown(
        self, markdown: str, *, page: SitePage, config: MkDocsConfig, **_: object
    ) -> str:
        """Offer a notebook below its title."""
        name = posixpath.basename(page.file.src_uri)
        if not name.endswith(".ipynb"):
            return markdown
        links = [f'<a href="{quote(name)}" download>Download this notebook</a>']
        if self.config.colab:
            copy = Path(page.file.abs_dest_path).with_name(name).relative_to(config.site_dir)
            address = f"{self.config.colab.rstrip('/')}/{quote(copy.as_posix())}"
            links.append(f'<a href="{address}">Open it in Colab</a>')
        title, _end, rest = markdown.partition("\n")
        return "\n".join([title, "", " · ".join(links), rest])

    def on_page_content(self, html: str, *, config: MkDocsConfig, **_: object) -> str:
        """Say what to clone where a command says `git clone REPOSITORY`; without that it goes."""
        address = config.extra.get("repository", "")
        return _CLONE.sub(
            lambda line: line[0].replace("REPOSITORY", address) if address else "", html
        )

    def on_page_context(
        self, context: TemplateContext, *, page: SitePage, config: MkDocsConfig, **_: object
    ) -> TemplateContext:
        """Write a page with code as a notebook too, and name that to the template."""
        path = Path(page.file.abs_src_path or "")
        try:
            parsed = read_page(path) if path.suffix == ".md" else None
            in_place = {
                line: make(path, Path(config.docs_dir))
                for line, make in DIRECTIVES.items()
                if parsed and parsed.blocks and line in parsed.text
            }
        except (PageError, ValueError):
            return context  # the extension warns of it
        if parsed and parsed.blocks:
            # As on the page, what a cell does not print is not shown.
            quiet = '%config InteractiveShell.ast_node_interactivity = "none"'
            notebook = from_page(
                parsed,
                title=str(page.title),
                first=f"{self.config.notebook_setup}\n{quiet}",
                link=self._links(page, config),
                in_place=in_place,
            )
            name = f"{path.stem}.ipynb"
            context["notebook"] = name  # pyright: ignore[reportGeneralTypeIssues]
            target = Path(page.file.abs_dest_path).with_name(name)
            write_whole(target, nbformat.writes(notebook).encode())
        return context

    @event_priority(-100)
    def on_post_page(self, output: str, *, page: SitePage, config: MkDocsConfig) -> None:
        """Let the links of a notebook that was copied lead to the site."""
        copy = Path(page.file.abs_dest_path).with_name(Path(page.file.src_uri).name)
        if copy.suffix != ".ipynb" or not copy.is_file():
            return
        try:
            notebook = read_notebook(copy)
        except NotebookError:
            return  # the page has warned of it
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = relinked(cell.source, self._links(page, config))
        write_whole(copy, nbformat.writes(notebook).encode())

    @event_priority(-100)
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Take the steps after the build."""
        site, docs = Path(config.site_dir), Path(config.docs_dir)
        for problem in finish(site, docs, repository=config.extra.get("repository", "")):
            log.warning("%s", problem)

    def _links(self, page: SitePage, config: MkDocsConfig) -> Link:
        def link(target: str) -> str | None:
            path, sharp, anchor = target.partition("#")
            here = page.file.src_uri
            uri = posixpath.normpath(posixpath.join(posixpath.dirname(here), unquote(path)))
            file = self.files.get_file_from_path(uri if path else here)
            if file is None or not config.site_url:
                return None
            return urljoin(config.site_url, file.url) + sharp + anchor

        return link
