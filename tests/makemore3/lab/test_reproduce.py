"""Published numbers against ours: the table, the arithmetic of agreement, the runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from makemore3.data import Dataset, Names, Split, load_dataset
from makemore3.lab import reproduce
from makemore3.lab.published import PUBLISHED, Published
from makemore3.lab.reproduce import LONG_RUNS, RUNS, Comparison, compare, table
from makemore3.lab.scoring import calibrated
from makemore3.models import BATCH_NORM, LECTURE_SEED, mlp
from makemore3.training import History, split_loss

LECTURE_SECONDS = 6957


def number(value: str, tolerance: str = "0") -> Published:
    return Published("data", "names", value, tolerance, "number", "notebook", 97, "")


@pytest.mark.parametrize(
    ("published", "measured", "ours", "digits"),
    [
        ("2.0356", 2.03562, "2.0356", (5, 5)),
        ("2.0356", 2.03565001, "2.0357", (4, 5)),
        ("2.1245", 2.1220, "2.1220", (3, 5)),
        ("2.1245", 2.1295, "2.1295", (3, 5)),
        ("2.1245", 2.1296, "2.1296", (2, 5)),
        ("27.8817", 27.0, "27.0000", (1, 6)),
        ("27.8817", 300.0, "300.0000", (0, 6)),
        ("2.07", 2.0696, "2.07", (3, 3)),
        ("0.0450", 0.0451, "0.0451", (2, 3)),
        ("32,033", 32033, "32,033", (5, 5)),
        ("32,033", 32031, "32,031", (4, 5)),
        ("9.9", 10.0, "10.0", (1, 2)),
        ("2.6407e-03", 0.00264074, "2.6407e-03", (5, 5)),
        ("2.6407e-03", 0.0026411, "2.6411e-03", (4, 5)),
        ("9.9999e-03", 0.0100001, "1.0000e-02", (4, 5)),
        ("-0.000086", -0.0000859, "-0.000086", (2, 2)),
        ("-0.000086", 0.000086, "0.000086", (0, 2)),
        ("0.000000", -1e-10, "0.000000", (6, 6)),
        ("0.000000", -0.0000012, "-0.000001", (5, 6)),
    ],
)
def test_digits_agree_down_to_half_a_unit_of_a_place(
    published: str, measured: float, ours: str, digits: tuple[int, int]
) -> None:
    comparison = Comparison(number(published), measured)
    assert comparison.ours == ours
    assert comparison.digits == digits


@given(st.decimals(-1000, 1000, places=4, allow_nan=False))
def test_a_number_agrees_with_itself_in_all_digits(value: Decimal) -> None:
    comparison = Comparison(number(str(value)), float(value))
    agreed, published = comparison.digits
    assert agreed == published > 0
    assert comparison.difference == 0


@pytest.mark.parametrize(
    ("ours", "letters", "difference"),
    [("jmrix", 5, 0), ("jmria", 4, 1), ("jm", 2, 3), ("jmrixes", 5, 2), ("", 0, 5)],
)
def test_names_agree_letter_by_letter_and_only_as_a_whole(
    ours: str, letters: int, difference: int
) -> None:
    comparison = Comparison(replace(number("0"), value="jmrix", kind="text"), ours)
    assert comparison.ours == ours
    assert comparison.digits == (letters, 5)
    assert comparison.difference == difference
    assert comparison.agrees is (ours == "jmrix")


def test_a_unit_of_the_last_place_may_be_rounding_alone() -> None:
    assert Comparison(number("2.0199", "0.0001"), 2.019849).digits == (4, 5)
    assert Comparison(number("2.0199", "0.0001"), 2.01974).digits == (4, 5)


def test_of_a_chaotic_number_ours_is_written_as_far_as_the_tolerance_goes() -> None:
    comparison = Comparison(number("2.1682", "0.01"), 2.1655)
    assert comparison.published.chaotic
    assert comparison.ours == "2.17"
    assert str(comparison.difference) == "0.0027"
    assert comparison.digits == (3, 5)
    assert not number("2.1682", "0.0001").chaotic
    assert not number("2.6407e-03", "1e-7").chaotic


@pytest.mark.parametrize(
    ("measured", "agrees"),
    [
        (2.1245, True),
        (2.1345, True),
        (2.13454, True),
        (2.1346, False),
        (2.1145, True),
        (2.11, False),
    ],
)
def test_agreement_is_judged_by_the_digits_published(measured: float, agrees: bool) -> None:
    assert Comparison(number("2.1245", "0.01"), measured).agrees is agrees


def test_every_published_number_can_be_measured(lecture_dataset: Dataset) -> None:
    for published in PUBLISHED:
        assert published.run in RUNS
        assert 0 <= published.moment < LECTURE_SECONDS
        assert published.quantity
    measured = {run: RUNS[run](lecture_dataset) for run in RUNS if run not in LONG_RUNS}
    for published in PUBLISHED:
        if published.run not in LONG_RUNS:
            assert published.quantity in measured[published.run]


def test_tolerances_are_a_unit_of_the_last_place_except_where_the_note_says_why() -> None:
    for published in PUBLISHED:
        whole = published.kind == "text" or published.exponent == 0
        unit = Decimal(0) if whole else Decimal(1).scaleb(published.exponent)
        if Decimal(published.tolerance) != unit:
            assert published.chaotic
            assert "chaotic" in published.note


def test_everything_that_the_notebook_prints_is_published_once() -> None:
    printed = [(p.run, p.quantity) for p in PUBLISHED if p.source == "notebook"]
    assert len(printed) == len(set(printed))
    counts = Counter(run.partition(",")[0] for run, _ in printed)
    assert counts["batch-norm-no-bias"] == 20 + 2 + 1, "running losses, last losses, parameters"
    assert counts["six layers"] == 4 + 5 * 3 + 5 * 2 + 7 * 3 + 20
    assert counts["bonus"] == 6 + 8
    assert len(printed) == 123


def test_quick_numbers_are_all_met(lecture_dataset: Dataset) -> None:
    comparisons = list(compare(lecture_dataset, quick=True))
    assert len(comparisons) == len(PUBLISHED) - 35 == 102
    for comparison in comparisons:
        assert comparison.agrees, comparison
        agreed, published = comparison.digits
        assert agreed >= published - 1


def test_a_long_run_trains_and_evaluates(
    lecture_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def one(model: nn.Module, split: Split, *, generator: torch.Generator) -> History:
        trained.append("as it stands")
        return History([float(step) for step in range(200_000)])

    def many(models: list[nn.Module], split: Split, *, generators: list[torch.Generator]) -> object:
        trained.append("compiled")
        return [History([float(step) for step in range(200_000)])]

    monkeypatch.setattr(reproduce, "train", one)
    monkeypatch.setattr(reproduce, "train_many", many)
    numbers = [p for p in PUBLISHED if p.run in LONG_RUNS]
    comparisons = list(compare(lecture_dataset, numbers))
    assert [c.published for c in comparisons] == numbers
    assert len({p.run for p in numbers}) == len(LONG_RUNS)
    assert trained == ["as it stands", *["compiled"] * 5], "each once, for all its numbers"
    assert not any(c.agrees for c in comparisons), "untrained losses are no published ones"
    found = {(c.published.run, c.published.quantity): c.measured for c in comparisons}
    for (_, name), measured in found.items():
        if name.startswith("batch "):
            assert measured == float(name.removeprefix("batch ").replace(",", ""))
    model = mlp(BATCH_NORM, generator=torch.Generator().manual_seed(LECTURE_SEED))
    for name, split in (("train", lecture_dataset.train), ("dev", lecture_dataset.dev)):
        own = split_loss(calibrated(model, split), split)
        from_train = split_loss(calibrated(model, lecture_dataset.train), split)
        assert found["batch-norm, trained", f"own {name} loss"] == own
        assert found["batch-norm, trained", f"calibrated {name}"] == from_train
        assert (own == from_train) is (name == "train")


def test_another_corpus_is_measured_too_and_gives_other_numbers() -> None:
    words = ("emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia")
    dataset = load_dataset(Names(words, "file /home/me/mine.txt", "0" * 64))
    names, vocabulary, *_ = compare(dataset, [p for p in PUBLISHED if p.run == "data"])
    assert (names.ours, names.agrees) == ("7", False)
    assert vocabulary.agrees


def test_a_wrong_number_is_not_met(lecture_dataset: Dataset) -> None:
    (right,) = (p for p in PUBLISHED if p.run == "tanh-fixed, step 0")
    (comparison,) = compare(lecture_dataset, [replace(right, value="3.3137")])
    assert not comparison.agrees
    assert str(comparison.difference) == "0.0002"


def test_the_table_writes_what_lines_share_once() -> None:
    first = Published("one", "loss", "2.0356", "0.0001", "number", "notebook", 751, "said: 2.04")
    rows = [
        Comparison(first, 2.03562),
        Comparison(replace(first, quantity="dev loss", value="2.1"), 2.2),
        Comparison(replace(first, run="two", moment=3746, note=""), 2.0356),
        Comparison(replace(first, tolerance="0.01", note="chaotic: the reason " * 3), 2.0391),
        Comparison(replace(first, value="carpah", tolerance="0", kind="text"), "carpet"),
    ]
    assert list(table(rows)) == [
        "                       published        ours   digits tolerance",
        "one (notebook, lecture 12:31; said: 2.04)",
        "  loss                    2.0356      2.0356   5 of 5    0.0001",
        "  dev loss                   2.1         2.2   1 of 2    0.0001  NOT MET: 0.1 off",
        "two (notebook, lecture 1:02:26)",
        "  loss                    2.0356      2.0356   5 of 5    0.0001",
        "one (notebook, lecture 12:31; chaotic: the reason chaotic: the",
        "  reason chaotic: the reason )",
        "  loss                    2.0356        2.04  chaotic      0.01",
        "one (notebook, lecture 12:31; said: 2.04)",
        "  loss                    carpah      carpet   4 of 6         0  NOT MET: 2 off",
    ]


def test_what_is_published_fits_into_the_columns() -> None:
    for published in PUBLISHED:
        value = published.value
        measured = value if published.kind == "text" else float(value.replace(",", ""))
        _, *_, line = lines = list(table([Comparison(published, measured)]))
        assert max(map(len, lines)) <= 63
        words = f"{published.quantity} {value}".split()
        assert line.split()[: len(words)] == words
        assert line.split()[-1] == published.tolerance


def test_the_table_writes_each_line_when_its_number_is_measured() -> None:
    measured = []

    def comparisons() -> Iterator[Comparison]:
        for value in (32033, 32034):
            measured.append(value)
            yield Comparison(number("32,033"), value)

    lines = table(comparisons())
    assert "ours" in next(lines)
    assert measured == []
    assert next(lines).startswith("data (")
    assert next(lines).split()[:3] == ["names", "32,033", "32,033"]
    assert measured == [32033]
    assert next(lines).endswith("NOT MET: 1 off")
