"""The numbers that lecture and notebook publish, for `makemore3.reproduce` to compare with ours."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Published:
    """One number, as published.

    Args:
        run: The run in `makemore3.reproduce.RUNS` that measures it.
        quantity: What that run calls it.
        value: The number with all its published digits, e.g. `"2.0356"` or `"32,033"`.
        tolerance: How far ours, rounded to as many decimals, may be off.
        source: `"notebook"`: printed in the lecture's notebook. `"re-run"`: neither printed nor
            said to these digits; it comes out of the notebook's code on the lecture's data.
        moment: The second of the lecture that says or shows it.
        note: What a reader should know, e.g. what exactly is said at the moment.
    """

    run: str
    quantity: str
    value: str
    tolerance: str
    source: Literal["notebook", "re-run"]
    moment: int
    note: str = ""

    @property
    def decimals(self) -> int:
        """Count the published digits after the decimal point."""
        return len(self.value.partition(".")[2])


_CHAOTIC = "chaotic: a change of 1e-5 at the start moves it by about 0.003"

PUBLISHED = (
    Published("data", "names", "32,033", "0", "notebook", 97, "said: about 32,000"),
    Published("data", "vocabulary size", "27", "0", "notebook", 99),
    Published("data", "train examples", "182,625", "0", "notebook", 104),
    Published("data", "dev examples", "22,655", "0", "notebook", 104),
    Published("data", "test examples", "22,866", "0", "notebook", 104),
    Published(
        "as-written, step 0", "parameters", "11,897", "0", "re-run", 131, "said: about 11,000"
    ),
    Published("as-written, step 0", "loss", "27.8817", "0.0001", "re-run", 271, "said: 27"),
    Published("W2 x 0.1, step 0", "loss", "4.2326", "0.0001", "re-run", 614, "said: 4.2"),
    Published("softmax-fixed, step 0", "loss", "3.3221", "0.0001", "re-run", 622, "said: 3.32"),
    Published("tanh-fixed, step 0", "loss", "3.3135", "0.0001", "re-run", 1539),
    Published("kaiming, step 0", "loss", "3.3179", "0.0001", "re-run", 2365),
    Published("batch-norm, step 0", "parameters", "12,297", "0", "re-run", 2845),
    Published("batch-norm, step 0", "loss", "3.3147", "0.0001", "re-run", 2845, "with b1"),
    Published("batch-norm-no-bias, step 0", "parameters", "12,097", "0", "notebook", 3746),
    Published("batch-norm-no-bias, step 0", "loss", "3.3239", "0.0001", "notebook", 3746),
    Published("as-written, trained", "train loss", "2.1245", "0.01", "notebook", 751, _CHAOTIC),
    Published("as-written, trained", "dev loss", "2.1682", "0.01", "notebook", 751, _CHAOTIC),
    Published("softmax-fixed, trained", "train loss", "2.07", "0.01", "notebook", 745),
    Published("softmax-fixed, trained", "dev loss", "2.13", "0.01", "notebook", 1582),
    Published("softmax-fixed, trained", "train loss", "2.0696", "0.0001", "re-run", 745),
    Published("softmax-fixed, trained", "dev loss", "2.1311", "0.0001", "re-run", 1582),
    Published("tanh-fixed, trained", "train loss", "2.0356", "0.0001", "notebook", 1563),
    Published("tanh-fixed, trained", "dev loss", "2.1027", "0.0001", "notebook", 1585),
    Published("kaiming, trained", "train loss", "2.0377", "0.0001", "notebook", 2408),
    Published("kaiming, trained", "dev loss", "2.1070", "0.0001", "notebook", 2408, "said: 2.10"),
    Published("batch-norm-no-bias, trained", "train loss", "2.0674", "0.0001", "notebook", 3644),
    Published("batch-norm-no-bias, trained", "dev loss", "2.1057", "0.0001", "notebook", 3644),
)
"""Everything published about the runs so far, in the lecture's order run by run."""
