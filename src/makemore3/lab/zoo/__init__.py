"""A zoo of small nets, healthy and sick, on which the rules of `diagnostics` are tried."""

from makemore3.lab.zoo.cases import CASES, Case
from makemore3.lab.zoo.verdicts import Verdict, halves, run_zoo, verdict

__all__ = ["CASES", "Case", "Verdict", "halves", "run_zoo", "verdict"]
