"""The PDF's one page, and how Chromium is asked to print it: a program of the test's own."""

import os
import stat
import sys
from pathlib import Path

import pytest

from companion import __main__ as command
from companion import paper
from companion.paper import PaperError, one_page, write_pdf

HOME = """<html><head><title>Site &amp; more</title></head><body><nav class="lit-nav"><ul>
<li><a href="." aria-current="page">Home</a></li>
<li><a href="lecture/b/">B</a></li>
<li><a href="lecture/a/">A</a></li>
<li><a href="lecture/bare/">Bare</a></li>
<li><a href="glossary/">Glossary</a></li>
</ul></nav></body></html>"""
B = """<html><head>CANONICAL
<style>b { mask: url("../../i.svg") url(#m) url(gone.svg) url(data:x) }</style><style>i {}</style>
</head><body><article class="x"><h1 id="b">The <em>B</em><a class="headerlink" href="#b">¶</a></h1>
<button type="button">Play</button><details class="lit-contents"><a href="#x">In</a></details>
<p id="x"><a href="#x">own</a> <a href="../a/">page</a> <a href="../a/#y">place</a>
<a href="../../glossary/#gain">outside</a> <a href="../../reference/">alone</a>
<a href="https://e.org/#z">web</a></p><svg><g id="m"/><use mask="url(#m)"/></svg>
<label for="x" data-name="n">l</label><input name="x"></article></body></html>"""
A = '<html><body><article><h1 id="a">A plain one</h1><p>Two.</p></article></body></html>'
CANONICAL = '<link rel="canonical" href="https://e.org/notes/lecture/b/">'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    pages = {
        "": HOME,
        "lecture/a": A,
        "lecture/b": B.replace("CANONICAL", CANONICAL),
        "lecture/bare": "<html><body>Moved.</body></html>",
    }
    for name, text in pages.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "index.html").write_text(text, encoding="utf-8")
    (folder / "i.svg").write_bytes(b"<svg/>")
    return folder


WHOLE = """<!doctype html><html lang="en"><head><meta charset="utf-8">\
<title>Site &amp; more</title>\
<style>b { mask: url(data:;base64,PHN2Zy8+) url(#m) url(gone.svg) url(data:x) }</style>\
<style>i {}</style><style>SHEET</style></head>\
<body dir="ltr" data-md-color-scheme="default"><div class="md-content md-typeset paper">\
<h1>Site &amp; more</h1><ul><li><a href="#p1">The <em>B</em></a></li>\
<li><a href="#p2">A plain one</a></li></ul>\
<article id="p1" class="x"><h1 id="p1-b">The <em>B</em><a class="headerlink" href="#p1-b">¶</a></h1>

<p id="p1-x"><a href="#p1-x">own</a> <a href="#p2">page</a> <a href="#p2-y">place</a>
<a href="https://e.org/notes/lecture/b/../../glossary/#gain">outside</a> \
<a href="https://e.org/notes/lecture/b/../../reference/">alone</a>
<a href="https://e.org/#z">web</a></p><svg><g id="p1-m"/><use mask="url(#p1-m)"/></svg>
<label for="p1-x" data-name="p1-n">l</label><input name="p1-x"></article>\
<article id="p2"><h1 id="p2-a">A plain one</h1><p>Two.</p></article></div></body></html>"""


def test_the_articles_become_one_page_whose_names_are_its_own(site: Path) -> None:
    found = one_page(site)
    assert "@page { size: A4;" in paper._SHEET
    assert found == WHOLE.replace("SHEET", paper._SHEET)


def test_without_an_address_what_leads_out_leads_nowhere(site: Path) -> None:
    (site / "lecture/b/index.html").write_text(B.replace("CANONICAL", ""), encoding="utf-8")
    found = one_page(site)
    assert '<a href="#p2-y">place</a>\n<a >outside</a> <a >alone</a>\n<a href="https:' in found


@pytest.mark.parametrize("home", [None, "<title>T</title>", HOME.replace("lecture/", "notes/")])
def test_what_has_no_pages_to_print_is_refused(site: Path, home: str | None) -> None:
    (site / "index.html").unlink()
    if home:
        (site / "index.html").write_text(home)
    with pytest.raises(FileNotFoundError) as raised:
        one_page(site)
    assert str(raised.value) == (
        f"expected a built site with pages in lecture/, found none in {site}: run `mkdocs build`"
    )


@pytest.fixture
def chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes down how it is called, and prints the page's title."""
    program = tmp_path / "bin" / "own-chromium"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, re, sys\n"
        "*options, source = sys.argv[1:]\n"
        f"pathlib.Path({str(tmp_path / 'called')!r}).write_text('\\n'.join(options))\n"
        "target = [o for o in options if o.startswith('--print-to-pdf=')][0].partition('=')[2]\n"
        "page = pathlib.Path(source.removeprefix('file://')).read_text(encoding='utf-8')\n"
        "pathlib.Path(target).write_text(re.search('<title>(.*?)</title>', page)[1])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHROMIUM", str(program))
    return program


@pytest.mark.parametrize("root", [True, False])
def test_chromium_prints_into_one_file(
    site: Path, chromium: Path, tmp_path: Path, root: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    write_pdf(site, tmp_path / "lecture.pdf")
    assert (tmp_path / "lecture.pdf").read_text() == "Site &amp; more"
    called = (tmp_path / "called").read_text().split("\n")
    names = [option.partition("=")[0] for option in called]
    assert names == [
        *("--headless", "--no-pdf-header-footer", "--hide-scrollbars"),
        *("--generate-pdf-document-outline", "--user-data-dir"),
        *(["--no-sandbox"] if root else []),
        "--print-to-pdf",
    ]
    values = {name: value for name, _, value in (option.partition("=") for option in called)}
    profile, target = Path(values["--user-data-dir"]), Path(values["--print-to-pdf"])
    assert profile.parent == target.parent
    assert not target.parent.exists()  # nothing stays behind


@pytest.mark.parametrize(
    "name",
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"],
)
def test_chromium_is_found_under_its_usual_names(
    name: str, site: Path, chromium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(chromium.parent))
    chromium.rename(chromium.with_name(name))
    write_pdf(site, tmp_path / "lecture.pdf")
    assert (tmp_path / "lecture.pdf").is_file()


def test_what_chromium_says_is_told_if_it_prints_nothing(
    site: Path, chromium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('x' * 600 + ' no display ')\n")
    with pytest.raises(PaperError) as raised:
        write_pdf(site, tmp_path / "lecture.pdf")
    said = "x" * 489 + " no display"
    assert str(raised.value) == f"expected a PDF, Chromium printed none: {said}"
    chromium.write_text("#!/bin/sh\nsleep 9\n")
    monkeypatch.setattr(paper, "PATIENCE", 0.1)
    message = r"^expected a PDF within 0\.1 s, Chromium had not done$"
    with pytest.raises(PaperError, match=message):
        write_pdf(site, tmp_path / "lecture.pdf")
    assert not (tmp_path / "lecture.pdf").exists()


def test_the_command_prints_and_says_what_is_wrong(
    site: Path,
    chromium: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "lecture.pdf"
    monkeypatch.setattr(sys, "argv", ["companion", "pdf", str(site), str(target)])
    assert command.main() == 0
    assert target.is_file()
    chromium.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main() == 1
    assert capsys.readouterr() == (
        "",
        "expected Chromium, found none: install it, or name it in CHROMIUM\n",
    )
    monkeypatch.setattr(sys, "argv", ["companion"])
    with pytest.raises(SystemExit):
        command.main()
    assert capsys.readouterr().err == (
        "usage: python -m companion [-h] {offline,pdf} ...\n"
        "python -m companion: error: the following arguments are required: command\n"
    )


@pytest.mark.parametrize(("name", "what"), [("offline", "folder"), ("pdf", "file")])
def test_the_help_says_what_the_command_wants(
    name: str, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["companion", name, "--help"])
    with pytest.raises(SystemExit):
        command.main()
    assert " ".join(capsys.readouterr().out.split()) == (
        f"usage: python -m companion {name} [-h] site target positional arguments: site the folder "
        f"of the built site target the {what} to write options: -h, --help show this help message "
        "and exit"
    )
    monkeypatch.setattr(sys, "argv", ["companion", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "offline a copy of the site that works from files "
        "pdf the lecture's pages as one PDF; needs Chromium"
    ) in told
