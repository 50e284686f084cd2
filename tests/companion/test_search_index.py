"""The index of the search: a page as its sections, formulas as they are typed."""

import json
from pathlib import Path

import pytest
from math_core import LatexToMathML

from companion.search import Section, document, index, powers, sections, spelt, vocabulary

ARTICLE = """<html><nav>Site</nav><article class="md-content__inner">
<h1 id="t">The <em>page</em><a class="headerlink" href="#t">Link to this section</a></h1>
<details class="lit-contents"><summary>On this page</summary><nav><a>One</a></nav></details>
<p>Before<br>all &amp; <a class="lit-moment" href="https://youtu.be/x?t=1">0:01</a> first.</p>
<h2 id="one">One<a class="headerlink" href="#one">Link to this section</a></h2>
<div class="highlight"><pre tabindex="0"><code><span class="kn">import</span> torch
</code></pre></div>
<div class="lit-output" data-search-exclude><pre><code>3.2958</code></pre></div>
<figure class="lit-figure"><svg role="img" aria-label="A curve."><path/><text>0.5</text></svg>
<figcaption><strong>It falls.</strong> And rises.</figcaption></figure>
<div class="lit-table"><table><tr><td>a</td><td>b</td></tr></table></div>
<h3 id="empty">Empty</h3>
<h2 id="two">Two</h2><ul><li>in <code>eval</code> mode</li></ul>
</article><footer>Footer</footer></html>"""


def test_a_page_is_read_as_its_sections() -> None:
    assert sections(ARTICLE, "folder/page/") == [
        Section("folder/page/", "The page", "The page", ["Before all & first."]),
        Section(
            "folder/page/#one",
            "The page",
            "One",
            ["A curve.", "It falls. And rises.", "a", "b"],
            ["import torch"],
        ),
        Section("folder/page/#two", "The page", "Two", ["in eval mode"]),
    ]


def test_a_page_without_an_article_has_no_sections() -> None:
    assert sections("<html><body><h1>Moved</h1><p>Away.</p></body></html>", "") == []


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"10^{-3}", "10⁻³"),
        (r"\frac{1}{\sqrt{\text{fan-in}}}", "1/√(fan-in)"),
        (r"\sqrt{30}", "√30"),
        (r"\frac{x - \mu}{\sigma}", "(x − μ)/σ"),
        (r"W_1", "W1"),
        (r"x_i^2", "x_i²"),
        (r"\sigma_w^{a+b}", "σ_w^(a + b)"),
        (r"\hat{x} < 1", "x < 1"),
        (r"\sum_{i=1}^{n} x_i", "∑ x_i"),
        (r"a \quad b", "a b"),
        (r"\begin{aligned} a &= b \\ c &< d \end{aligned}", "a = b; c < d;"),
        (r"x^{n-1} + x^{ab}", "xⁿ⁻¹ + x^ab"),
        (r"x^{a-1} y_{i+1}", "x^(a − 1)y_(i + 1)"),
        (r"x^n \to 10^{-12}, x_{12}", "xⁿ → 10⁻¹²,x12"),
        (r"\frac{\sqrt{a}}{2.5} \times (b)", "√a/2.5 × (b)"),
        (r"\sigma^2_{ab}", "σ_ab²"),
        (r"\ln 27", "ln27"),
    ],
)
def test_formulas_are_spelt_in_a_line(latex: str, text: str) -> None:
    assert spelt(LatexToMathML().convert_with_local_state(latex, displaystyle=False)) == text


@pytest.mark.parametrize("power", ["10^-3", "10^{-3}", "1e-3", "10^−3", "10⁻³"])
def test_powers_of_ten_are_written_in_one_way(power: str) -> None:
    assert powers(f"about {power} of it") == "about 10⁻³ of it"
    assert powers("1e5, 1e+5, 10^12, 21e-3, 1element") == "10⁵, 10⁵, 10¹², 21e-3, 1element"


def test_a_document_says_the_signs_of_its_formulas_and_hides_its_fields() -> None:
    text = document(Section("a/#b", "Page & more", "Title", ["1/√n < 1e-3", "σ"], ["x < y", "η"]))
    fields = {
        **{"title": "Title", "page": "Page &amp; more"},
        **{"spoken": "sqrt square root sigma", "address": "a/#b"},
    }
    assert text == (
        '<html lang="en"><body>'
        + "".join(
            f'<span data-pagefind-meta="{name}[content]" content="{value}"></span>'
            for name, value in fields.items()
        )
        + "<p>1/√n &lt; 10⁻³ σ</p>"
        '<p data-pagefind-weight="0.4">x &lt; y η</p></body></html>'
    )


def test_each_sign_is_found_by_what_is_typed_for_it() -> None:
    latex = (
        r"\sqrt{x} \sum \partial \sigma \mu \gamma \beta \varepsilon \epsilon \delta \eta \infty"
    )
    formula = spelt(LatexToMathML().convert_with_local_state(latex, displaystyle=False))
    spoken = (
        "sqrt square root sum derivative partial sigma mu gamma beta epsilon eps epsilon eps "
        "delta eta learning rate infinity"
    )
    text = document(Section("", prose=[formula]))
    assert f'<span data-pagefind-meta="spoken[content]" content="{spoken}"></span>' in text


def test_an_entry_of_the_reference_weighs_less() -> None:
    page = (
        '<article><h1>Layers</h1><h3 id="m.f" class="doc doc-heading">f</h3><p>Text</p></article>'
    )
    (entry,) = sections(page, "a/")
    assert entry == Section("a/#m.f", "Layers", "f", ["Text"], entry=True)
    text = document(entry)
    assert 'data-pagefind-meta="entry[content]" content="f"' in text
    assert '<p data-pagefind-weight="0.5">Text</p>' in text
    assert 'data-pagefind-meta="title' not in text


def test_the_vocabulary_begins_with_the_most_frequent_words() -> None:
    found = [Section("", "", "Batch norm", ["The batch, a unit."], ["BatchNorm1d(unit_size)"])]
    assert vocabulary(found) == ["batch", "unit", "batchnorm1d", "norm", "size"]
    section = Section("", "Pages", "", ["Zeta zeta Beta2x beta 1234 a_word conv2dx four"], [])
    assert vocabulary([section]) == ["zeta", "beta", "beta2x", "conv2d", "four", "word"]


def test_the_index_is_written_into_the_site_and_replaces_an_old_one(tmp_path: Path) -> None:
    page = tmp_path / "folder" / "page" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(ARTICLE.replace("mode", "größe"), encoding="utf-8")
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "old").touch()
    index(tmp_path)
    names = {path.name for path in (tmp_path / "search").iterdir()}
    assert {"pagefind.js", "pagefind-entry.json", "words.json"} <= names
    assert not [name for name in names if "ui" in name or name == "old"]
    assert {"pagefind-highlight.js", "wasm.unknown.pagefind"}.isdisjoint(names)
    entry = json.loads((tmp_path / "search" / "pagefind-entry.json").read_text(encoding="utf-8"))
    assert entry["languages"]["en"]["page_count"] == 3
    assert set("_/^⁻√") <= set(entry["include_characters"])
    words = (tmp_path / "search" / "words.json").read_text(encoding="utf-8")
    assert '"eval","falls","first","größe","import",' in words  # nothing longer than it need be
    assert "fold" not in json.loads(words)


def test_a_site_without_text_gets_no_index(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html></html>", encoding="utf-8")
    index(tmp_path)
    assert not (tmp_path / "search").exists()


def test_a_failure_of_the_indexer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text(ARTICLE, encoding="utf-8")
    monkeypatch.setattr("companion.search._PROGRAM", ("pagefind", "--no-such-option"))
    with pytest.raises(RuntimeError, match="no-such-option"):
        index(tmp_path)


@pytest.mark.parametrize(
    "html",
    [
        *(f"<{tag}>out</{tag}>" for tag in ("nav", "svg", "script", "style", "template", "button")),
        *(f'<a class="x {name}">out</a>' for name in ("headerlink", "lit-download", "lit-moment")),
        '<div class="lit-contents"><div>out<br></div>out</div>',
        *(
            f"<p data-search-exclude>out<{tag}></p>"
            for tag in ("br", "hr", "img", "input", "wbr", "source", "col")
        ),
    ],
)
def test_what_is_around_the_words_is_left_out(html: str) -> None:
    page = f"<article><p>before</p><h1>T</h1><dl><dt>in{html}</dt><dd>too</dd></dl></article>"
    assert sections(page, "a/") == [Section("a/", "T", "T", ["in", "too"])]


@pytest.mark.parametrize("tag", ["p", "li", "td", "th", "div", "figcaption", "summary", "dt", "dd"])
def test_what_ends_with_these_elements_does_not_run_on(tag: str) -> None:
    page = f"<article><h1>T</h1><{tag}>a <em>b</em>c</{tag}>d<p></p></article>"
    assert sections(page, "") == [Section("", "T", "T", ["a bc", "d"])]


def test_only_the_headings_of_three_levels_begin_a_section() -> None:
    page = "<article><h1>T</h1><h3 id=a>A</h3>a<h4 id=b>B</h4><p>b</p>"
    page += "<h2>No id</h2><p>c<hr>d</p></article>"
    assert sections(page, "") == [
        Section("#a", "T", "A", ["aBb"]),
        Section("", "T", "No id", ["c d"]),
    ]
