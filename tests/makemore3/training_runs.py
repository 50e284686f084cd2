"""A small training run that tests do, interrupt and repeat."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.keep import train_resumably
from makemore3.models import BATCH_NORM, NetSpec, Stage
from makemore3.training import History, TrainConfig, train

CONFIG = TrainConfig(max_steps=30, batch_size=8, lr_decay_step=20)


@dataclass
class Run:
    """A model and its generator, both from one seed, and what training them gives."""

    split: Split
    stage: Stage = BATCH_NORM
    seed: int = 11
    n_hidden: int = 20
    config: TrainConfig = CONFIG
    spec: NetSpec = field(init=False)
    model: nn.Sequential = field(init=False)
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self.spec = NetSpec("mlp", {"stage": self.stage, "n_hidden": self.n_hidden})
        self.model = self.spec.build(generator=self.generator)

    def train(self, config: TrainConfig | None = None, **options: Any) -> History:
        config = config or self.config
        return train(self.model, self.split, config, generator=self.generator, **options)

    def resume(
        self, checkpoint: str | Path, config: TrainConfig = CONFIG, **options: Any
    ) -> History:
        options = {"generator": self.generator, "spec": self.spec} | options
        return train_resumably(self.model, self.split, config, checkpoint=checkpoint, **options)

    def state(self) -> list[Tensor]:
        return [*self.model.state_dict().values(), self.generator.get_state()]

    def copied(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self.state()]


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))
