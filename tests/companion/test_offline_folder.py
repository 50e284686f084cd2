"""A small site taken along as a folder, file by file; the real one is read in a browser."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from companion import __main__ as command
from companion.offline import from_files, write_offline

PAGE = """<html><head><link href="../../assets/a.css"></head><body>
<a href="../../">home</a> <a href="../b/#x">b</a> <a href="../b/?q=1">asked</a>
<a href="../gone/">gone</a> <a href="#x">here</a> <a href="https://e.org/lecture/b/">web</a>
<button class="lit-watch" type="button"><svg><path/></svg> Play the lecture</button>
<button class="lit-copy-page">Copy <b>page</b></button><button class="other">stays</button>
<article><h1 id="a">A</h1><p>Ten to the power 1e-3.</p>
<h2 id="two">Two</h2><p>{moment}Words <i>again</i>.</p><pre><code>code()</code></pre></article>
<script src="../../assets/javascripts/search.js" defer></script>
<script src="../../assets/javascripts/player.js" defer></script>
<script src="../../assets/javascripts/copy.js" defer></script></body></html>"""
MOMENT = '<a href="https://youtu.be/x-Y_z?t=259">4:19</a> <a href="https://youtu.be/x?t=300">5</a> '
READ = """<html><head><link href="../../assets/a.css"></head><body>
<a href="../../index.html">home</a> <a href="../b/index.html#x">b</a> \
<a href="../b/index.html?q=1">asked</a>
<a href="../gone/">gone</a> <a href="#x">here</a> <a href="https://e.org/lecture/b/">web</a>
<a class="lit-watch" href="{address}"><svg><path/></svg> Watch it on YouTube</a>
<button class="other">stays</button>
<article><h1 id="a">A</h1><p>Ten to the power 1e-3.</p>
<h2 id="two">Two</h2><p>{moment}Words <i>again</i>.</p><pre><code>code()</code></pre></article>
<script src="../../assets/javascripts/rank.js" defer></script>\
<script src="../../assets/javascripts/../../search/sections.js" defer></script>\
<script src="../../assets/javascripts/offline.js" defer></script>\
<script src="../../assets/javascripts/search.js" defer></script>

<script src="../../assets/javascripts/copy.js" defer></script></body></html>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    page = PAGE.format(moment=MOMENT)
    files = {
        "index.html": "<article><h1>Home</h1><p>Home home homes.</p></article>",
        "404.html": "",
        "sitemap.xml": "",
        "sitemap.xml.gz": "",
        "assets/a.css": "b {}",
        "assets/playground/train.wasm": "",
        "assets/javascripts/copy.js": "",
        "assets/javascripts/playground/page.js": "",
        "search/pagefind.js": "",
        "lecture/a/index.html": page,
        "lecture/b/index.html": "<p>No article.</p>",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("moment", "address"), [(MOMENT, "https://youtu.be/x-Y_z?t=259"), ("", "")]
)
def test_a_page_works_from_a_file(site: Path, moment: str, address: str) -> None:
    found = from_files(PAGE.format(moment=moment), Path("lecture/a"), site)
    assert found == READ.format(moment=moment, address=address)


def test_the_folder_has_what_needs_no_server_and_the_sections_to_search(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/another/disk")  # no folder is renamed onto this one
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    target = tmp_path / "taken" / "along" / "notes"
    write_offline(site, target)
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
    assert [path.name for path in target.parent.iterdir()] == ["notes"]
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert files == {
        *("index.html", "lecture/a/index.html", "lecture/b/index.html"),
        *("assets/a.css", "assets/javascripts/copy.js", "search/sections.js"),
    }
    address = MOMENT[9:37]
    assert (target / "lecture/a/index.html").read_text() == READ.format(
        moment=MOMENT, address=address
    )
    script = (target / "search/sections.js").read_text(encoding="utf-8")
    start, end = "globalThis.searched = ", "\n"
    assert script.startswith(start)
    assert script.endswith(end)
    assert "⁻" in script
    page = {"page": "A", "entry": False}
    assert json.loads(script.removeprefix(start)) == {
        "sections": [
            {
                **{"title": "Home", "page": "Home", "address": "index.html", "entry": False},
                "content": "Home home homes.",
            },
            page
            | {
                "title": "A",
                "address": "lecture/a/index.html",
                "content": "Ten to the power 10⁻³.",
            },
            page
            | {
                **{"title": "Two", "address": "lecture/a/index.html#two"},
                "content": "4:19 5 Words again. code()",
            },
        ],
        "words": ["home", "again", "code", "homes", "power", "words"],
    }


def test_what_is_there_or_is_no_site_is_refused(
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "notes"
    monkeypatch.setattr(sys, "argv", ["companion", "offline", str(site), str(target)])
    assert command.main() == 0
    assert command.main() == 1
    assert capsys.readouterr().err == (
        f"expected nothing at {target}, where the copy goes: remove it or name another folder\n"
    )
    (site / "index.html").unlink()
    monkeypatch.setattr(sys, "argv", ["companion", "offline", str(site), str(tmp_path / "other")])
    assert command.main() == 1
    assert capsys.readouterr().err == (
        f"expected a built site, found no index.html in {site}: run `mkdocs build`\n"
    )
    assert not (tmp_path / "other").exists()


def test_the_command_fails_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "companion", "offline", "none", "other"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        *(1, ""),
        "expected a built site, found no index.html in none: run `mkdocs build`\n",
    )
