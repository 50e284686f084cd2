"""The whole zoo."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from makemore3.lab.zoo.healthy import HEALTHY
from makemore3.lab.zoo.sick import SICK
from makemore3.lab.zoo.training import Training


@dataclass(frozen=True)
class Case:
    """One animal of the zoo.

    Args:
        name: Its name.
        train: Makes it.
        rules: For a sick one the rules that would name what is wrong; empty for a healthy one.
    """

    name: str
    train: Callable[[], Training]
    rules: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.rules


def _all() -> Iterator[Case]:
    for name, train in HEALTHY.items():
        yield Case(name, train)
    for name, (train, rules) in SICK.items():
        yield Case(name, train, tuple(rules.split(", ")))


CASES = tuple(_all())
"""The whole zoo."""
