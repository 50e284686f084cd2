"""From code to the reference."""

from pathlib import Path

import pytest

from companion.crosslinks import link_imports

ENTRY = '<h3 id="m.layers.Tanh" class="doc doc-heading">Tanh</h3><h3 id="m.layers.a_b">a_b</h3>'
CODE = (
    '<pre><code><span class="kn">from</span> <span class="nn">{}</span> '
    '<span class="kn">import</span> {}</code></pre>'
)


def linked(folder: Path, module: str, names: str, page: str = "lecture/x") -> str:
    for name, html in (("reference/layers", ENTRY), (page, CODE.format(module, names))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "index.html").write_text(html, encoding="utf-8")
    for _ in range(2):  # twice changes nothing more
        link_imports(folder)
    html = (folder / page / "index.html").read_text(encoding="utf-8")
    _, _, after = html.partition("import</span> ")
    return after.removesuffix("</code></pre>")


def test_a_name_with_an_entry_is_a_link_to_it(tmp_path):
    link = '<a class="lit-entry" href="../../reference/layers/#m.layers.{0}">{0}</a>'
    both = f"{link.format('Tanh')}, Other, {link.format('a_b')}"
    assert linked(tmp_path, "m.layers", "Tanh, Other, a_b") == both
    lines = f"(\n    {link.format('Tanh')},\n    {link.format('a_b')},\n)"
    assert linked(tmp_path, "m.layers", "(\n    Tanh,\n    a_b,\n)") == lines


def test_the_home_page_has_its_own_way_there(tmp_path):
    assert 'href="reference/layers/#m.layers.Tanh"' in linked(tmp_path, "m.layers", "Tanh", ".")


@pytest.mark.parametrize(
    ("module", "names"), [("m.other", "Tanh"), ("torch", "nn"), ("m", "layers")]
)
def test_other_names_stay_as_they_are(tmp_path, module, names):
    assert linked(tmp_path, module, names) == names
