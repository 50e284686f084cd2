"""A net described by a value that can be written down."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from makemore3.layers import ReLU, Sequential, Tanh
from makemore3.models.deep import deep_mlp
from makemore3.models.one_hidden import STAGES, Stage, mlp

_NONLINEARITIES = {"Tanh": Tanh, "ReLU": ReLU}


@dataclass(frozen=True)
class NetSpec:
    """Which function builds a net, and with which arguments: a value that can be written down.

    Checkpoints, kept runs and records of sweeps identify a net by its spec, and rebuild it from
    there.

    Args:
        function: `"mlp"` or `"deep_mlp"`.
        arguments: Arguments of the function, without `generator`; those left out have the
            function's defaults. A stage may be given by its key in `STAGES`.

    Raises:
        ValueError: If there is no such function.
    """

    function: str
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.function not in _BUILDERS:
            raise ValueError(
                f"NetSpec knows the functions {' and '.join(_BUILDERS)}, got {self.function!r}"
            )

    def build(self, *, generator: torch.Generator) -> Sequential:
        """Build the net, its weights drawn from `generator`.

        Raises:
            ValueError: If an argument is not what the function expects.
            TypeError: If the function has no argument of a name.
        """
        arguments = dict(self.arguments)
        if isinstance(stage := arguments.get("stage"), str):
            if stage not in STAGES:
                raise ValueError(f"expected a stage out of {', '.join(STAGES)}, got {stage!r}")
            arguments["stage"] = STAGES[stage]
        return _BUILDERS[self.function](**arguments, generator=generator)

    def to_json(self) -> dict[str, Any]:
        """Return the spec in what JSON has: a stage by its fields, a nonlinearity by its name.

        Raises:
            ValueError: If a nonlinearity is none of this package's.
        """
        return {
            "function": self.function,
            "arguments": {name: _to_json(value) for name, value in self.arguments.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "NetSpec":
        """Return the spec that `to_json` wrote.

        Raises:
            ValueError: If the content is something else.
        """
        try:
            arguments = dict(content["arguments"])
            if isinstance(stage := arguments.get("stage"), Mapping):
                arguments["stage"] = Stage(**stage)
            if isinstance(name := arguments.get("nonlinearity"), str):
                arguments["nonlinearity"] = _NONLINEARITIES[name]
            return cls(content["function"], arguments)
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a net's function and arguments, got {content}") from error


def _to_json(value: object) -> object:
    if isinstance(value, Stage):
        return asdict(value)
    if isinstance(value, type):
        if _NONLINEARITIES.get(value.__name__) is not value:
            raise ValueError(f"a spec can name {' and '.join(_NONLINEARITIES)}, got {value}")
        return value.__name__
    return value


_BUILDERS: dict[str, Callable[..., Sequential]] = {"mlp": mlp, "deep_mlp": deep_mlp}
