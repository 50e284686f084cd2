"""All 46 viewers' questions and claims: each is answered, by a block that ran, at its moment."""

from functools import cache
from pathlib import Path

import pytest

from companion.questions import Question, read_questions
from literate.page import read_page
from literate.store import Store

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "questions"
STORE = Store(DOCS / "baked")

ASKED = {
    # Fixing the initial loss
    "init-output-regression": (290, 360),
    "loss-of-what": (370, 450),
    # Fixing the saturated tanh
    "u-versus-cup-histogram": (1531, 1549),  # where the scale goes from 0.1 to 0.2
    # Kaiming init
    "modern-remedies": (2100, 2180),
    "input-variance-assumption": (1690, 2330),
    # Batch normalization
    "std-centred-or-not": (2600, 2640),
    "scale-shift-undo": (2760, 2840),
    "normalised-not-gaussian": (2640, 2690),
    "batch-coupling-explained": (2990, 3190),
    "unstated-regulariser": (3100, 3200),
    "ema-not-sum": (3440, 3480),
    "ema-iir-filter": (3440, 3480),
    "ema-constants": (3440, 3480),
    "bias-before-bn": (3620, 3690),
    # Batch normalization: summary
    "frozen-stats-finetune": (3850, 3885),
    # Real example: ResNet-50
    "relu-cheaper": (4030, 4060),
    "uniform-versus-normal": (4200, 4240),
    "gaussian-in-gaussian-out": (4240, 4250),
    # PyTorch-ifying the code
    "gain-one-in-linear": (4800, 5140),
    "less-confident-where": (5120, 5140),
    "view-or-flatten": (5180, 5180),
    # Viz 1: activations
    "unstated-viz1": (5300, 5430),
    "some-saturation-is-fine": (5300, 5430),
    "gain-from-mean-square": (5390, 5430),
    "why-stack-layers": (5211, 5454),
    "golden-ratio": (5400, 5400),
    # The fully linear case
    "linear-gradient-path-count": (5560, 5620),
    "infinite-linear-papers": (5720, 5750),
    # Viz 3: weights and their gradients
    "two-dimensional-filter": (5790, 5820),
    "last-layer-ten-times": (5890, 5940),
    # Viz 4: the update-to-data ratio
    "l2-versus-std": (6040, 6100),
    "std-not-mean": (6040, 6100),
    "why-spread-measures-size": (6040, 6100),
    "l1-norm-alternative": (6040, 6100),
    "log-before-update": (6040, 6100),
    # Claims of the outline, somewhere in their chapters
    "outline-params-and-loss": (82, 259),
    "outline-no-grad": (82, 259),
    "outline-logits-near-zero": (259, 779),
    "outline-tanh-stops-gradient": (779, 1673),
    "outline-dead-neuron": (779, 1673),
    "outline-scaling-gaussian": (1673, 2440),
    "outline-unit-gaussian-throughout": (1673, 2440),
    "outline-twenty-to-five-percent": (5211, 5454),
    "outline-gain-one-and-bn": (5527, 5775),
    "outline-hundred-times": (5775, 5995),
    "outline-minus-three": (5995, 6364),
}
"""Between which seconds of the lecture each is asked."""
ABOUT = 20
"""Seconds by which these may be wrong: the viewers' own times are mostly lost."""


@cache
def answers() -> list[Question]:
    return read_questions(FOLDER)  # which refuses one without a verdict or a moment


def shown(question: Question) -> list[int]:
    """Return the blocks of a question's entry, by number, that print or draw something."""
    page = read_page(FOLDER / question.file)
    baked = STORE.read(f"questions/{question.file.removesuffix('.md')}")
    assert baked is not None
    headings = [number for number, line in enumerate(page.prose(), 1) if line.startswith("## ")]
    start = next(n for n in headings if f"{{ #{question.slug} }}" in page.text.split("\n")[n - 1])
    end = min((n for n in headings if n > start), default=page.text.count("\n") + 2)
    return [
        block.number
        for block in page.blocks
        if start < block.first_line < end
        and (output := baked.outputs.get(block.number))
        and (output.text.strip() or output.figures)
    ]


def test_there_are_46_and_no_other_and_each_is_answered_once():
    assert len(ASKED) == 46
    found = [question.slug for question in answers()]
    assert sorted(found) == sorted(ASKED)


@pytest.mark.parametrize("slug", ASKED)
def test_question_is_answered_by_what_ran_at_its_moment(slug: str):
    found = {question.slug: question for question in answers()}
    assert slug in found, f"no page of {FOLDER} has a heading with {{ #{slug} }}"
    first, last = ASKED[slug]
    assert first - ABOUT <= found[slug].seconds <= last + ABOUT
    assert shown(found[slug]), "none of its blocks shows anything"
    assert found[slug].notes, "it links to no section of the notes"
