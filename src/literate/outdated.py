"""What of the outputs is missing or outdated: the check for builders that would only warn of it."""

from collections.abc import Iterator
from pathlib import Path

from literate.notebook import NotebookError, problems, read_notebook
from literate.page import PageError, read_page
from literate.store import Store, page_files, page_name


def outdated(docs: Path) -> Iterator[str]:
    """What is missing, outdated or left over among the outputs of the pages and notebooks."""
    store, pages = Store(docs / "baked"), page_files(docs)
    for path in pages:
        try:
            found = store.problems(read_page(path), page_name(path, docs))
        except PageError as error:
            yield str(error)
        else:
            yield from (f"{path}:{problem.line}: {problem.message}" for problem in found)
    for name in store.orphans(page_name(path, docs) for path in pages):
        yield f"{store.root / name} belongs to no page"
    for path in page_files(docs, "*.ipynb"):
        try:
            yield from (f"{path}: {problem}" for problem in problems(read_notebook(path)))
        except NotebookError as error:
            yield str(error)


def built_without(site: Path) -> Iterator[str]:
    """The pages of a built site in which an output is missing."""
    for path in sorted(site.rglob("*.html")):
        if 'class="lit-missing"' in path.read_text(encoding="utf-8"):
            yield f"{path.relative_to(site)} was built while an output was missing or outdated"
