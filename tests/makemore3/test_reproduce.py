"""Published numbers against ours: the table, the arithmetic of agreement, the runs."""

import math
from dataclasses import replace

import pytest

from makemore3 import reproduce
from makemore3.data import Dataset, Names, load_dataset
from makemore3.published import PUBLISHED, Published
from makemore3.reproduce import LONG_RUNS, RUNS, Comparison, compare

LECTURE_SECONDS = 6957


def number(value: str, tolerance: str = "0") -> Published:
    return Published("data", "names", value, tolerance, "notebook", 97)


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
    ],
)
def test_digits_agree_down_to_half_a_unit_of_a_place(
    published: str, measured: float, ours: str, digits: tuple[int, int]
) -> None:
    comparison = Comparison(number(published), measured)
    assert comparison.ours == ours
    assert comparison.digits == digits


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
        unit = 10.0**-published.decimals if published.decimals else 0
        if not math.isclose(float(published.tolerance), unit):
            assert "chaotic" in published.note


def test_quick_numbers_are_all_met(lecture_dataset: Dataset) -> None:
    comparisons = list(compare(lecture_dataset, quick=True))
    assert len(comparisons) == 15
    for comparison in comparisons:
        assert comparison.agrees, comparison
        agreed, published = comparison.digits
        assert agreed >= published - 1


def test_a_long_run_trains_and_evaluates(
    lecture_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def short_train(*args: object, **kwargs: object) -> None:
        trained.append(args)

    monkeypatch.setattr(reproduce, "train", short_train)
    numbers = [p for p in PUBLISHED if p.run in LONG_RUNS]
    comparisons = list(compare(lecture_dataset, numbers))
    assert [c.published for c in comparisons] == numbers
    assert len(trained) == len({p.run for p in numbers}) == len(LONG_RUNS), (
        "each run happens once, for all its numbers"
    )
    assert not any(c.agrees for c in comparisons), "untrained losses are no published ones"


def test_another_corpus_is_refused() -> None:
    words = ("emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia")
    dataset = load_dataset(Names(words, "file /home/me/mine.txt", "0" * 64))
    message = r"the corpus in use is file /home/me/mine\.txt: set MAKEMORE_NAMES to a copy"
    with pytest.raises(ValueError, match=message):
        next(compare(dataset, quick=True))


def test_a_wrong_number_is_not_met(lecture_dataset: Dataset) -> None:
    (right,) = (p for p in PUBLISHED if p.run == "tanh-fixed, step 0")
    (comparison,) = compare(lecture_dataset, [replace(right, value="3.3137")])
    assert not comparison.agrees
    assert str(comparison.difference) == "0.0002"
