"""A training loop, watched at some of its steps: `Monitor`."""

from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from makemore3.diagnostics.judging import judge
from makemore3.diagnostics.look import some
from makemore3.diagnostics.reading import chain_of, layer_facts, loss_facts, read, weight_facts
from makemore3.diagnostics.report import Report
from makemore3.diagnostics.watch import WEIGHT_ENTRIES, Watch, Window, see_weight

MOST_SAMPLES = 512
"""Samples that are kept; when there are more, every second one goes, and `every` is doubled."""


class Monitor:
    """Watches any training loop: `with Monitor(model, optimizer) as m:` around it, then `report`.

    A step is a call of the optimizer's `step`; all passes before it belong to it, so accumulated
    gradients are one step. Hooks are on the layers in sampled steps only. What they see stays on
    its device until `report`.

    Args:
        model: The network; wrappers such as `DataParallel` are looked through.
        optimizer: What trains it. Changes are measured on the weights themselves, so any will do.
        every: Sample one step out of so many, the first included.

    Raises:
        ValueError: If `every` is less than 1.

    Source:
        Lecture [1:39:55](https://youtu.be/P6sfmUTpUmc?t=5995) for the updates.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, *, every: int = 100) -> None:
        if every < 1:
            raise ValueError(f"Monitor expects every as a whole number from 1 up, got {every}")
        self.every = every
        self.steps = 0
        while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
            optimizer = inner  # wrapped, as by accelerate
        self._optimizer = optimizer
        self._model = model
        self._watch = Watch(model)
        self._windows: list[Window] = []
        self._open: Window | None = None
        self._before: dict[str, Tensor] = {}
        self._hooks = ExitStack()
        self._versions: dict[str, int] | None = None
        self._weights: dict[str, nn.Parameter] = {}
        self._stepped: list[str] = []  # weights that the optimizer changes
        self._from_start = True
        self._evaluated_in_train = 0

    def start(self) -> None:
        """Begin to watch; `with` does it for you.

        Raises:
            RuntimeError: If it watches already or has watched before.
            ValueError: If the optimizer has no parameters of the model.
        """
        if self._versions is not None:
            raise RuntimeError("Monitor has been started before: make a new one for another run")
        named = dict(self._watch.root.named_parameters())
        given = {id(p) for group in self._optimizer.param_groups for p in group["params"]}
        self._watch.cleared = [p for p in named.values() if p.requires_grad and id(p) in given]
        if not self._watch.cleared:
            raise ValueError(
                "Monitor expects an optimizer with parameters of the model, got one that has none "
                "of them: make it after the model, from model.parameters()"
            )
        self._weights = {name: p for name, p in named.items() if p.ndim > 1}
        self._stepped = [n for n, p in self._weights.items() if p.requires_grad and id(p) in given]
        self._versions = {name: p._version for name, p in named.items()}
        self._from_start = not self._optimizer.state
        self._hooks.callback(self._watch.detach)
        self._hooks.callback(self._optimizer.register_step_pre_hook(self._before_step).remove)
        self._hooks.callback(self._optimizer.register_step_post_hook(self._after_step).remove)
        if self._watch.root_is_seen:
            evaluation = self._watch.root.register_forward_pre_hook(self._see_evaluation)
            self._hooks.callback(evaluation.remove)
        self._open_window()

    def stop(self) -> None:
        """End watching and remove all hooks; `with` does it for you, after an exception too."""
        self._hooks.close()
        self._open = None
        self._before.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def report(self) -> Report:
        """Read what was seen, and judge it.

        Raises:
            RuntimeError: If no sampled step has been finished.
        """
        windows = self._windows
        if not windows:
            raise RuntimeError(
                "Monitor has seen no finished step: train inside the `with` block, with the "
                "optimizer that it was given"
            )
        watch = self._watch
        steps = read(windows)
        layers = layer_facts(watch, windows, steps)
        chain, hidden = chain_of(layers, watch)
        unseen = [*watch.unseen, *hidden]
        if not layers and not watch.unseen:
            unseen.append("all layers: no pass with gradients went through the modules")
        stale = [step[key][0] for step in steps if (key := ("step", "", "stale")) in step]
        report = Report(
            training=True,
            from_start=self._from_start,
            steps=tuple(window.step for window in windows),
            taken=self.steps,
            layers=layers,
            weights=weight_facts(watch.root, windows, steps, self._versions),
            loss=loss_facts(windows, steps),
            chain=chain,
            norm_values=watch.norm_values,
            in_eval=tuple(watch.in_eval),
            evaluated_in_train=self._evaluated_in_train,
            stale=sum(stale) / len(steps),
            unseen=tuple(unseen),
        )
        return judge(report)

    def _open_window(self) -> None:
        if self.steps % self.every:
            self._watch.detach()
            return
        self._open = Window(self.steps)
        self._watch.attach(self._open)

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._open is not None:
            self._before = {
                name: some(self._weights[name], WEIGHT_ENTRIES) for name in self._stepped
            }

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._open is not None:
            for name, p in self._weights.items():
                see_weight(self._open, name, p, self._before.get(name))
            self._before = {}
            self._open.pack()
            self._windows.append(self._open)
            self._open = None
            if len(self._windows) > MOST_SAMPLES:
                self._windows = self._windows[::2]
                self.every *= 2
        self.steps += 1
        self._open_window()

    def _see_evaluation(self, module: nn.Module, inputs: Any) -> None:
        if module.training and not torch.is_grad_enabled():
            self._evaluated_in_train += 1
