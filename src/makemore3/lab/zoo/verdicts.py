"""What `check` and `Monitor` say of each animal, and how often they are right."""

import random
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from makemore3.diagnostics import Finding, Monitor, Report, check
from makemore3.lab.zoo.cases import CASES, Case
from makemore3.lab.zoo.training import Training

SEED = 2147483647
"""Of the draw of the halves, of the weights and of the batches."""
EVERY = 10
"""Steps from one sample of a `Monitor` to the next."""


@dataclass(frozen=True)
class Verdict:
    """What was said of an animal.

    Args:
        case: The animal.
        before: What `check` reports before training.
        after: What `Monitor` reports after it.
    """

    case: Case
    before: Report
    after: Report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of both reports."""
        return (*self.before.findings, *self.after.findings)

    @property
    def accused(self) -> tuple[str, ...]:
        """Rules that found a problem."""
        return tuple(sorted({f.rule for f in self.findings if f.level == "problem"}))

    @property
    def watched(self) -> tuple[str, ...]:
        """Rules that found something to watch, and nothing graver."""
        return tuple(sorted({f.rule for f in self.findings} - set(self.accused)))

    @property
    def found(self) -> bool:
        """Whether a rule that names the sickness spoke, at either level."""
        return bool({finding.rule for finding in self.findings} & set(self.case.rules))


def halves(cases: Iterable[Case] = CASES) -> tuple[list[Case], list[Case]]:
    """Part healthy and sick animals by lot: one half to set limits on, one to judge them by."""
    limits, judged, cases = [], [], list(cases)
    for healthy in (True, False):
        group = sorted((c for c in cases if c.healthy is healthy), key=lambda case: case.name)
        random.Random(SEED).shuffle(group)
        limits += group[: len(group) // 2]
        judged += group[len(group) // 2 :]
    return limits, judged


def run_zoo(cases: Iterable[Case] = CASES) -> Iterator[Verdict]:
    """Train animals, one after the other."""
    return map(verdict, cases)


def verdict(case: Case) -> Verdict:
    """Check a net, train it under a `Monitor`, and collect what both say."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        training = case.train()
        generator = torch.Generator().manual_seed(SEED)
        _materialise(training)
        before = check(training.model, _batch(training, generator), training.loss)
        optimizer = training.optimizer(training.given or list(training.model.parameters()))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / max(1, training.warmup))
        )
        training.model.train(not training.eval_mode)
        with Monitor(training.model, optimizer, every=EVERY) as monitor:
            for step in range(training.steps):
                _step(training, optimizer, generator)
                schedule.step()
                if training.evaluate_every and (step + 1) % training.evaluate_every == 0:
                    with torch.no_grad():
                        training.model(_batch(training, generator)[0])
        return Verdict(case, before, monitor.report())


def _materialise(training: Training) -> None:
    """Let layers that find out their sizes do so."""
    training.model.eval()
    with torch.no_grad():
        training.model(_batch(training, torch.Generator().manual_seed(0))[0])


def _batch(training: Training, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = training.task(generator)
    return training.spoil(x, y) if training.spoil else (x, y)


def _step(training: Training, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
    if training.zero_grad:
        optimizer.zero_grad()
    for _ in range(training.accumulate):
        x, y = _batch(training, generator)
        dtype = training.autocast
        with torch.autocast("cpu", dtype) if dtype else nullcontext():
            loss = training.loss(training.model(x), y) / training.accumulate
        loss.backward()
    if training.clip is not None:
        torch.nn.utils.clip_grad_norm_(training.model.parameters(), training.clip)
    optimizer.step()
