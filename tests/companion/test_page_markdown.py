"""A built page as Markdown."""

import pytest
from markdown import Markdown

from companion.page_markdown import page_markdown

FRAME = '<html><nav>Menu</nav><article class="x"><h1 id="a">Title</h1>{}</article>After</html>'


def written(html: str) -> str:
    """The Markdown below the title."""
    title, _, rest = page_markdown(FRAME.format(html)).partition("\n\n")
    assert title.strip() == "# Title"
    return rest.strip()


def test_what_stands_around_the_article_is_left_out():
    assert page_markdown(FRAME.format("<p>Text</p>")) == "# Title\n\nText\n"


def test_a_page_without_an_article_has_no_markdown():
    assert page_markdown("<html><body>Moved</body></html>") == ""


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (
            '<div class="language-python highlight"><pre><code><span class="k">def</span> f(x):\n'
            "    return x &lt; 1\n</code></pre></div>",
            "```python\ndef f(x):\n    return x < 1\n```",
        ),
        (
            '<div class="lit-output"><pre><code>loss 2.1\n</code></pre></div>',
            "```text\nloss 2.1\n```",
        ),
        (
            '<div class="language-markdown highlight"><pre><code>'
            "```python\n```\n</code></pre></div>",
            "````markdown\n```python\n```\n````",
        ),
        (
            '<figure><svg role="img" aria-label="Two &amp; two."><g><path/></g></svg>'
            "<figcaption><strong>Claim.</strong> How.</figcaption></figure>",
            "*Figure: Two & two.*\n\n**Claim.** How.",
        ),
        (
            '<div><p>of <span class="lit-math"><math data-latex="\\sigma_w &lt; 1"><mi>σ</mi>'
            "</math>,</span> so</p></div>",
            "of $\\sigma_w < 1$, so",
        ),
        (
            '<div class="lit-math"><math data-latex="a \\\\ b_*"><mi>a</mi></math></div>',
            "$$a \\\\ b_*$$",
        ),
        (
            "<details><summary>Draw it</summary><p>Folded.</p></details>",
            "**Draw it**\n\nFolded.",
        ),
        (
            '<p>A <a class="lit-term" href="../glossary/#gain" data-term="A factor">gain</a> and '
            '<a href="../other/#b">more</a>.</p>',
            "A gain and [more](../other/#b).",
        ),
        (
            "<table><thead><tr><th>net</th><th>loss</th></tr></thead>"
            "<tbody><tr><td>a</td><td>2.1</td></tr></tbody></table>",
            "| net | loss |\n| --- | --- |\n| a | 2.1 |",
        ),
        ('<h2>Part<a class="headerlink" href="#p">Link to this section</a></h2>', "## Part"),
        ('<button type="button"><svg><path/></svg>Play</button><p>Text</p>', "Text"),
        ('<div class="lit-part"><p class="lit-part__name">Raises</p></div>', "**Raises**"),
        ("<p>1 * 2 and a_b</p>", "1 \\* 2 and a\\_b"),
        ('<img src="a.png" alt="A &lt; B &amp; &quot;C&quot;">', '*Figure: A &lt; B &amp; "C"*'),
        ("<figure><svg><g/></svg><figcaption>Caption.</figcaption></figure>", "Caption."),
        (
            "<nav>In</nav><style>b {}</style><script>x</script><template>t</template>"
            '<details class="lit-contents"><summary>On this page</summary></details>'
            '<p class="lit-download">Notebook</p><ul><li><strong>a</strong> <em>b</em></li></ul>',
            "- **a** *b*",
        ),
        (
            '<pre><code><span class="c">q <a href="#x">`b`</a></span>\n\n</code></pre><p>T</p>',
            "```text\nq `b`\n```\n\nT",
        ),
    ],
    ids=[
        *("code", "output", "fence in a fence", "figure", "formula", "displayed formula", "fold"),
        *("links", "table", "heading", "button", "section of the reference", "signs of Markdown"),
        *("picture", "figure without words", "what is left out", "code that is linked"),
    ],
)
def test_each_element_of_a_page_is_written(html, markdown):
    assert written(html) == markdown


def test_the_markdown_of_a_page_reads_as_the_page_again():
    html = "<p>Take <code>x</code> and <em>square</em> it.</p>\n"
    html += "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"
    assert Markdown().convert(written(html)) == html
