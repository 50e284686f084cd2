"""A report as one HTML page, with its pictures drawn in SVG; nothing else is needed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from makemore3.diagnostics.facts import Facts, Finding
from makemore3.diagnostics.text import head, number

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --look: #8a5a00; --c0: #2f5fb3;
  --c1: #b3541e; --c2: #2f7d4f; --c3: #8a3fa0; --c4: #6b6b00; --c5: #1f7a8c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --look: #ffc15e; --c0: #8ab4ff;
  --c1: #ffab7a; --c2: #7fd8a4; --c3: #dca3ee; --c4: #d6d66b; --c5: #7fd0e0; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2rem; }
article { border-left: 4px solid var(--look); padding: 0 1rem; margin: 1rem 0; }
article.problem { border-color: var(--bad); } article h3 { margin: 0; }
article p { margin: .3rem 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; } svg { width: 100%; max-width: 36rem; height: auto; }
svg text { font-size: 11px; fill: currentColor; }
""".strip()

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420, 200, 56, 34


def page(facts: Facts, findings: Sequence[Finding]) -> str:
    """Return the page: findings, pictures, tables, and what was not seen."""
    title = "What the layers say"
    parts = [f"<h1>{title}</h1>", *(f"<p>{escape(line)}</p>" for line in head(facts, findings))]
    parts += ["<h2>Findings</h2>", *map(_finding, findings)]
    parts += [] if findings else ["<p>None: all rules that apply are content.</p>"]
    parts += _pictures(facts)
    parts += _tables(facts)
    if facts.unseen:
        items = "".join(f"<li>{escape(hidden)}</li>" for hidden in facts.unseen)
        parts.append(f"<h2>Not seen</h2><ul>{items}</ul>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _finding(finding: Finding) -> str:
    source = finding.source
    lecture = f'<a href="{source.url}">lecture {source.moment}</a>; ' if source.url else ""
    return (
        f'<article class="{finding.level}"><h3>{finding.level}: {escape(finding.rule)}</h3>'
        f"<p>{escape(finding.words)}</p><p><strong>Try:</strong> {escape(finding.advice)}</p>"
        f"<p>{lecture}notes: {escape(source.notes)}</p></article>"
    )


def _pictures(facts: Facts) -> Iterator[str]:
    layers = facts.chained()
    if len(layers) > 1:
        yield "<h2>From layer to layer</h2>"
        yield _lines(
            {
                "std of the output": [layer.std[-1] for layer in layers],
                "std of its gradient": [layer.grad_std[-1] for layer in layers],
            },
            xs=range(1, len(layers) + 1),
            xlabel="layer",
            ylabel="powers of ten",
            logarithmic=True,
        )
    updates = {
        weight.name: weight.update for weight in facts.weights if any(map(_known, weight.update))
    }
    if updates and len(facts.steps) > 1:
        shown = dict(list(updates.items())[:: math.ceil(len(updates) / 6)])
        yield "<h2>Update to data</h2>"
        yield f"<p>{len(shown)} of {len(updates)} weights; about -3 is usual.</p>"
        yield _lines(shown, xs=facts.steps, xlabel="step", ylabel="log10")
    if facts.loss and len(facts.loss.values) > 1:
        yield "<h2>Loss</h2>"
        yield _lines({"loss": facts.loss.values}, xs=facts.steps, xlabel="step", ylabel="nats")


def _lines(
    lines: Mapping[str, Sequence[float]],
    *,
    xs: Sequence[int],
    xlabel: str,
    ylabel: str,
    logarithmic: bool = False,
) -> str:
    """Draw up to six lines over one axis; what is not finite, or has no logarithm, is left out."""
    points = {
        name: [
            (x, math.log10(y) if logarithmic else y)
            for x, y in zip(xs, line, strict=True)
            if math.isfinite(y) and (y > 0 or not logarithmic)
        ]
        for name, line in lines.items()
    }
    heights = [y for line in points.values() for _, y in line] or [0.0]
    low, high = min(heights), max(heights)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    span = xs[-1] - xs[0]

    def place(x: float, y: float) -> str:
        across = _LEFT + (x - xs[0]) / span * (_WIDTH - _LEFT - 10)
        return f"{across:.1f},{10 + (high - y) / (high - low) * (_HEIGHT - _BOTTOM - 10):.1f}"

    drawn, legend = [], []
    for index, (name, line) in enumerate(points.items()):
        color = f"var(--c{index})"
        path = " ".join(place(x, y) for x, y in line)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        legend.append(f'<span style="color:{color}">&#9632;</span> {escape(name)}')
    marks = [
        f'<text x="{_LEFT - 6}" y="{14 if y == high else _HEIGHT - _BOTTOM}" text-anchor="end">'
        f"{y:.3g}</text>"
        for y in (high, low)
    ]
    marks += [
        f'<text x="{at}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="{anchor}">{x}</text>'
        for at, anchor, x in ((_LEFT, "start", xs[0]), (_WIDTH - 10, "end", xs[-1]))
    ]
    label = f"{', '.join(lines)} by {xlabel}"
    return (
        f'<figure style="margin:0"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(drawn)}{"".join(marks)}'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{xlabel}</text>'
        f"</svg><figcaption>{', '.join(legend)}; {ylabel}</figcaption></figure>"
    )


def _tables(facts: Facts) -> Iterator[str]:
    if facts.layers:
        yield "<h2>Layers</h2>"
        yield _table(
            ["layer", "class", "shape", "mean", "std", "flat", "dead", "gradient std"],
            [
                [
                    layer.name,
                    layer.type,
                    "x".join(map(str, layer.shape)),
                    number(layer.mean[-1]),
                    number(layer.std[-1]),
                    f"{layer.flat[-1]:.1%}" if _known(layer.flat[-1]) else "-",
                    "-" if layer.dead is None else f"{layer.dead} of {layer.units}",
                    number(layer.grad_std[-1]),
                ]
                for layer in facts.layers
            ],
        )
    if facts.weights:
        yield "<h2>Weights</h2>"
        yield _table(
            ["weight", "shape", "std", "gradient std", "update to data, log10"],
            [
                [
                    weight.name,
                    "x".join(map(str, weight.shape)),
                    number(weight.std[-1]),
                    number(weight.grad_std[-1]),
                    f"{weight.update[-1]:.2f}" if _known(weight.update[-1]) else "-",
                ]
                for weight in facts.weights
            ],
        )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    # A region that scrolls can be reached with the keyboard.
    return (
        f"<div class='scroll' tabindex='0' role='region' aria-label='{escape(head[0])}s'>"
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _known(value: float) -> bool:
    return not math.isnan(value)
