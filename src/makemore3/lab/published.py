"""The numbers that lecture and notebook publish, which `makemore3.lab.reproduce` compares."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True)
class Published:
    """One number, or one sampled name, as published.

    Args:
        run: The run in `makemore3.lab.reproduce.RUNS` that measures it.
        quantity: What that run calls it.
        value: What is published, e.g. `"2.0356"`, `"32,033"`, `"2.6407e-03"` or `"carpah"`. Of
            digits that depend on the processor only those before them.
        tolerance: How far ours, rounded to as many digits, may be off: one unit of the last
            place, or more for a chaotic number, whose note then says why.
        source: `"notebook"`: printed in the lecture's notebook. `"re-run"`: neither printed nor
            said to these digits; it comes out of the notebook's code on the lecture's data.
        moment: The second of the lecture that says or shows it; for what it does not mention, the
            start of the chapter.
        note: What a reader should know, e.g. what exactly is said at the moment.
        kind: `"text"` if the value is a name.
    """

    run: str
    quantity: str
    value: str
    tolerance: str
    source: Literal["notebook", "re-run"]
    moment: int
    note: str = ""
    kind: Literal["number", "text"] = "number"

    @property
    def exponent(self) -> int:
        """The last place of the number: -4 for `"2.0356"`, -7 for `"2.6407e-03"`."""
        exponent = Decimal(self.value.replace(",", "")).as_tuple().exponent
        assert isinstance(exponent, int)
        return exponent

    @property
    def chaotic(self) -> bool:
        """Whether the tolerance is wider than one unit of the last place."""
        return self.kind == "number" and Decimal(self.tolerance) > Decimal(1).scaleb(self.exponent)


_CHAOTIC = "chaotic: a change of 1e-5 at the start moves it by about 0.003"
_NOT_SAID = "not said: the chapter's start"
_BONUS = "a bonus cell, not in the video: the start of the chapter it belongs to"


def _group(
    run: str,
    moment: int,
    note: str,
    *rows: tuple[str, str, str],
    kind: Literal["number", "text"] = "number",
) -> tuple[Published, ...]:
    """Rows of quantity, value and tolerance that share everything else."""
    return tuple(
        Published(run, quantity, value, tolerance, "notebook", moment, note, kind)
        for quantity, value, tolerance in rows
    )


_SIZES = (
    Published("data", "names", "32,033", "0", "notebook", 97, "said: about 32,000"),
    Published("data", "vocabulary size", "27", "0", "notebook", 99),
    Published("data", "train examples", "182,625", "0", "notebook", 104),
    Published("data", "dev examples", "22,655", "0", "notebook", 104),
    Published("data", "test examples", "22,866", "0", "notebook", 104),
    Published("data", "context characters", "3", "0", "notebook", 104),
)

_FIRST_STEPS = (
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
    Published(
        "six layers, step 0", "parameters", "46,497", "0", "re-run", 5165, "no norm; said: 46,000"
    ),
    Published("six layers, step 0", "loss", "3.2962", "0.0001", "re-run", 5208, "no norm"),
)

_TRAINED = (
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
)

_BATCH_NORM_TRAINED = (
    Published("batch-norm, trained", "own train loss", "2.0668", "0.0001", "notebook", 2897),
    Published(
        "batch-norm, trained", "own dev loss", "2.1048", "0.0001", "notebook", 2897, "said: 2.10"
    ),
    Published("batch-norm, trained", "calibrated train", "2.0668", "0.0001", "re-run", 3343),
    Published("batch-norm, trained", "calibrated dev", "2.1049", "0.0001", "re-run", 3343),
    Published("batch-norm-no-bias, trained", "train loss", "2.0674", "0.0001", "notebook", 3644),
    Published("batch-norm-no-bias, trained", "dev loss", "2.1057", "0.0001", "notebook", 3644),
)

_RUNNING_LOSSES = _group(
    "batch-norm-no-bias, trained",
    2440,
    _NOT_SAID,
    ("batch 10,000", "2.0322", "0.0001"),
    ("batch 20,000", "2.5675", "0.0001"),
    ("batch 30,000", "2.0125", "0.0001"),
    ("batch 40,000", "2.2446", "0.0001"),
    ("batch 50,000", "1.8897", "0.0001"),
    ("batch 60,000", "2.0785", "0.0001"),
    ("batch 70,000", "2.3681", "0.0001"),
    ("batch 80,000", "2.2918", "0.0001"),
    ("batch 90,000", "2.0238", "0.0001"),
    ("batch 100,000", "2.3673", "0.0001"),
    ("batch 110,000", "2.3132", "0.0001"),
    ("batch 120,000", "1.6414", "0.0001"),
    ("batch 130,000", "1.9311", "0.0001"),
    ("batch 140,000", "2.2231", "0.0001"),
    ("batch 150,000", "2.0027", "0.0001"),
    ("batch 160,000", "2.0997", "0.0001"),
    ("batch 170,000", "2.4949", "0.0001"),
    ("batch 180,000", "2.0199", "0.0001"),
    ("batch 190,000", "2.1707", "0.0001"),
)

_SIX_LAYERS = _group(
    "six layers, batch norm",
    6364,
    _NOT_SAID,
    ("parameters", "47,024", "0"),
    ("first loss", "3.2870", "0.0001"),
    ("train loss", "2.4003", "0.0001"),
    ("dev loss", "2.3982", "0.0001"),
)

_ACTIVATIONS = _group(
    "six layers, batch norm",
    6473,
    "said: about 0.65 and 2 %",
    ("tanh1 mean", "0.00", "0.01"),
    ("tanh1 std", "0.63", "0.01"),
    ("tanh1 saturated %", "2.78", "0.01"),
    ("tanh2 mean", "0.00", "0.01"),
    ("tanh2 std", "0.64", "0.01"),
    ("tanh2 saturated %", "2.56", "0.01"),
    ("tanh3 mean", "0.00", "0.01"),
    ("tanh3 std", "0.65", "0.01"),
    ("tanh3 saturated %", "2.25", "0.01"),
    ("tanh4 mean", "0.00", "0.01"),
    ("tanh4 std", "0.65", "0.01"),
    ("tanh4 saturated %", "1.69", "0.01"),
    ("tanh5 mean", "0.00", "0.01"),
    ("tanh5 std", "0.65", "0.01"),
    ("tanh5 saturated %", "1.88", "0.01"),
)

_GRADIENTS = _group(
    "six layers, batch norm",
    6482,
    "said: look good",
    ("tanh1 grad mean", "0.000000", "0.000001"),
    ("tanh1 grad std", "2.6407e-03", "1e-7"),
    ("tanh2 grad mean", "0.000000", "0.000001"),
    ("tanh2 grad std", "2.2456e-03", "1e-7"),
    ("tanh3 grad mean", "0.000000", "0.000001"),
    ("tanh3 grad std", "2.0457e-03", "1e-7"),
    ("tanh4 grad mean", "0.000000", "0.000001"),
    ("tanh4 grad std", "1.9831e-03", "1e-7"),
    ("tanh5 grad mean", "0.000000", "0.000001"),
    ("tanh5 grad std", "1.9524e-03", "1e-7"),
)

_WEIGHT_GRADIENTS = _group(
    "six layers, batch norm",
    6482,
    "said: look good",
    ("embedding grad mean", "0.000000", "0.000001"),
    ("embedding grad std", "8.0205e-03", "1e-7"),
    ("embedding grad:data", "8.0126e-03", "1e-7"),
    ("linear1 grad mean", "0.000246", "0.000001"),
    ("linear1 grad std", "9.2411e-03", "1e-7"),
    ("linear1 grad:data", "4.8811e-02", "1e-6"),
    ("linear2 grad mean", "0.000113", "0.000001"),
    ("linear2 grad std", "7.1329e-03", "1e-7"),
    ("linear2 grad:data", "6.9646e-02", "1e-6"),
    ("linear3 grad mean", "-0.000086", "0.000001"),
    ("linear3 grad std", "6.2343e-03", "1e-7"),
    ("linear3 grad:data", "6.0737e-02", "1e-6"),
    ("linear4 grad mean", "0.000052", "0.000001"),
    ("linear4 grad std", "5.7422e-03", "1e-7"),
    ("linear4 grad:data", "5.6315e-02", "1e-6"),
    ("linear5 grad mean", "0.000032", "0.000001"),
    ("linear5 grad std", "5.6722e-03", "1e-7"),
    ("linear5 grad:data", "5.5701e-02", "1e-6"),
    ("linear6 grad mean", "-0.000082", "0.000001"),
    ("linear6 grad std", "1.2094e-02", "1e-6"),
    ("linear6 grad:data", "1.1601e-01", "1e-5"),
)

_SAMPLES = _group(
    "six layers, batch norm",
    6364,
    _NOT_SAID,
    ("name 1", "carpah", "0"),
    ("name 2", "qarlileif", "0"),
    ("name 3", "jmrix", "0"),
    ("name 4", "thty", "0"),
    ("name 5", "sacansa", "0"),
    ("name 6", "jazhnte", "0"),
    ("name 7", "dpn", "0"),
    ("name 8", "arciigqeiunellaia", "0"),
    ("name 9", "chriiv", "0"),
    ("name 10", "kalein", "0"),
    ("name 11", "dhlm", "0"),
    ("name 12", "join", "0"),
    ("name 13", "qhinn", "0"),
    ("name 14", "sroin", "0"),
    ("name 15", "arian", "0"),
    ("name 16", "quiqaelogiearyxix", "0"),
    ("name 17", "kaeklinsan", "0"),
    ("name 18", "ed", "0"),
    ("name 19", "ecoia", "0"),
    ("name 20", "gtleley", "0"),
    kind="text",
)

_BONUS_LINEAR = _group(
    "bonus, linear",
    1673,
    _BONUS,
    ("input std", "0.987597", "0.000001"),
    ("weight std", "1.000672", "0.000001"),
    ("output std", "31.0124", "0.0001"),
    ("output grad std", "0.978256", "0.000001"),
    ("input grad std", "30.8818", "0.0001"),
    ("weight grad std", "0.966660", "0.000001"),
)

_BONUS_BATCH_NORM = _group(
    "bonus, linear and norm",
    6364,
    _BONUS,
    ("input std", "0.987597", "0.000001"),
    ("weight std", "1.000672", "0.000001"),
    ("linear std", "31.0124", "0.0001"),
    ("norm std", "1.000000", "0.000001"),
    ("norm grad std", "0.978256", "0.000001"),
    ("linear grad std", "0.0315440", "1e-7"),
    ("weight grad std", "0.0311695", "1e-7"),
    ("input grad std", "0.995305", "0.000001"),
)

PUBLISHED = (
    *_SIZES,
    *_FIRST_STEPS,
    *_TRAINED,
    *_BATCH_NORM_TRAINED,
    *_RUNNING_LOSSES,
    *_SIX_LAYERS,
    *_ACTIVATIONS,
    *_GRADIENTS,
    *_WEIGHT_GRADIENTS,
    *_SAMPLES,
    *_BONUS_LINEAR,
    *_BONUS_BATCH_NORM,
)
"""Everything published, in the lecture's order run by run."""
