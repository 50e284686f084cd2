"""What must hold for the HTML of every page, without a browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from site_visits import Site

# What a page shows where something broke on its way into it.
ERROR_TEXT = [
    "Traceback",
    "math error",
    'class="lit-missing"',
    "\x02",
    "\x03",
    "wzxhzdk",
    "{{",
    "{%",
]

LOADING_ATTRIBUTES = {
    "src": {"script", "img", "iframe", "source", "video", "audio", "embed", "input", "track"},
    "srcset": {"img", "source"},
    "data": {"object"},
    "poster": {"video"},
}
LOADING_LINKS = {"stylesheet", "preload", "modulepreload", "prefetch", "preconnect", "icon"}


@dataclass
class Elements(HTMLParser):
    """All start tags of a page with their attributes, and the texts of its `<title>` and styles."""

    html: str = field(repr=False)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._open = ""
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in {"title", "style"}:
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def anchors(self) -> set[str]:
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}


@pytest.fixture(scope="session")
def elements(site: Site) -> dict[Path, Elements]:
    return {page: Elements(page.read_text(encoding="utf-8")) for page in site.pages}


def test_the_strict_build_says_nothing(site: Site) -> None:
    assert not re.search("WARNING|ERROR", site.log), site.log
    assert len(site.pages) > 1


@pytest.mark.parametrize("text", ERROR_TEXT)
def test_no_page_shows_an_error(elements: dict[Path, Elements], text: str) -> None:
    assert [page for page, parsed in elements.items() if text in parsed.html] == []


def test_every_page_introduces_itself(elements: dict[Path, Elements]) -> None:
    titles, descriptions = set(), set()
    for page, parsed in elements.items():
        described = [
            meta["content"] for meta in parsed.named("meta") if meta.get("name") == "description"
        ]
        assert len(described) == 1, f"{page}: one description, got {described}"
        assert 50 <= len(described[0]) <= 200, f"{page}: {described[0]!r} has {len(described[0])}"
        assert parsed.texts.get("title", "").strip(), f"{page}: no title"
        assert len(parsed.named("h1")) == 1, f"{page}: {len(parsed.named('h1'))} h1"
        assert parsed.named("html")[0].get("lang") == "en", f"{page}: no language"
        titles.add(parsed.texts["title"])
        descriptions.add(described[0])
    assert len(titles) == len(elements), f"two pages share a title: {sorted(titles)}"
    assert len(descriptions) == len(elements), "two pages share a description"


def test_links_inside_the_site_lead_somewhere(site: Site, elements: dict[Path, Elements]) -> None:
    broken = []
    for page, parsed in elements.items():
        for address in _links(parsed):
            target = urlsplit(urljoin(site.address(page), address))
            if f"{target.scheme}://{target.netloc}/" != site.url:
                continue
            file = site.folder / unquote(target.path).lstrip("/")
            file = file / "index.html" if file.is_dir() else file
            anchor = unquote(target.fragment)
            if not file.is_file():
                broken.append(f"{page}: {address}: no such file")
            elif anchor and anchor not in elements[file].anchors:
                broken.append(f"{page}: {address}: no such anchor")
    assert broken == []


def _links(parsed: Elements) -> Iterator[str]:
    for _, attributes in parsed.tags:
        yield from (attributes[name] for name in ("href", "src") if name in attributes)


def test_no_identifier_occurs_twice(elements: dict[Path, Elements]) -> None:
    for page, parsed in elements.items():
        found = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
        assert len(found) == len(set(found)), f"{page}: {sorted(found)}"


def test_no_page_loads_from_another_host(elements: dict[Path, Elements]) -> None:
    foreign = []
    for page, parsed in elements.items():
        loaded = [
            attributes[name]
            for tag, attributes in parsed.tags
            for name, tags in LOADING_ATTRIBUTES.items()
            if tag in tags and name in attributes
        ]
        loaded += [
            link["href"]
            for link in parsed.named("link")
            if LOADING_LINKS & set(link.get("rel", "").split())
        ]
        loaded += re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]+)", parsed.texts.get("style", ""))
        foreign += [f"{page}: {address}" for address in loaded if re.match(r"(\w+:)?//", address)]
    assert foreign == []


def test_pages_bring_their_style_sheets_along(elements: dict[Path, Elements]) -> None:
    for page, parsed in elements.items():
        linked = [link for link in parsed.named("link") if link.get("rel") == "stylesheet"]
        assert linked == [], page
        assert "--lit-accent" in parsed.texts["style"], page


def test_every_page_is_there_for_machines(site: Site, elements: dict[Path, Elements]) -> None:
    listed = (site.folder / "llms.txt").read_text(encoding="utf-8")
    for page, parsed in elements.items():
        if page.name == "404.html":
            continue
        copies = [link["href"] for link in parsed.named("link") if link.get("rel") == "alternate"]
        assert copies == ["index.md"], page
        copy = page.with_name("index.md")
        text = copy.read_text(encoding="utf-8")
        assert text.startswith("# "), page
        assert not re.search(r"<(?:span|svg|math|div|pre)\b[^`]*$", text, re.MULTILINE), page
        assert listed.count(f"({copy.relative_to(site.folder).as_posix()}): ") == 1, page


def test_the_markdown_of_a_page_has_its_code_outputs_and_formulas(site: Site) -> None:
    text = (site.folder / "lecture/kaiming-init/index.md").read_text(encoding="utf-8")
    baked = Path(__file__).parents[2] / "docs" / "baked" / "lecture" / "kaiming-init"
    outputs = [path.read_text(encoding="utf-8").strip("\n") for path in baked.glob("*.txt")]
    assert len(outputs) > 5
    plain = [output for output in outputs if "|" not in output]
    assert [output for output in plain if f"```text\n{output}\n```" not in text] == []
    assert "$\\operatorname{E}[x^2] = 1$" in text
    assert "*Figure: " in text


def test_a_link_to_a_page_says_elsewhere_what_it_is(elements: dict[Path, Elements]) -> None:
    for page, parsed in elements.items():
        metas = parsed.named("meta")
        card = {meta["property"]: meta["content"] for meta in metas if "property" in meta}
        said = {meta["name"]: meta["content"] for meta in metas if "name" in meta}
        assert card["og:title"] == parsed.texts["title"].strip(), page
        assert card["og:description"] == said["description"], page
        assert card["og:type"] == ("website" if page.parent.name == "site" else "article") or (
            page.name == "404.html"
        ), page
        assert said["twitter:card"] == "summary", page


def test_every_page_of_the_navigation_is_marked_on_itself(site: Site) -> None:
    def links(page: Path) -> list[dict[str, str]]:
        html = page.read_text(encoding="utf-8")
        menu = html[html.index('<nav class="lit-nav"') :]
        found = Elements(menu[: menu.index("</nav>")]).named("a")
        return [{**link, "href": urljoin(site.address(page), link["href"])} for link in found]

    addresses = [link["href"] for link in links(site.folder / "index.html")]
    assert len(addresses) == len(set(addresses)) > 1
    for address in addresses:
        marked = [link["href"] for link in links(site.file(address)) if "aria-current" in link]
        assert marked == [address]
