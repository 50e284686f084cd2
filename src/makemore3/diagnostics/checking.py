"""One batch through a network before training: `check`."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from makemore3.diagnostics.judging import judge
from makemore3.diagnostics.reading import chain_of, layer_facts, loss_facts, read, weight_facts
from makemore3.diagnostics.report import Report
from makemore3.diagnostics.watch import Watch, Window, see_weight


def check(
    model: nn.Module, batch: tuple[Any, Any], loss_fn: Callable[[Any, Any], Tensor]
) -> Report:
    """Run one batch forwards and backwards in training mode, and judge what was seen.

    Nothing stays behind, not after an exception either: modes, buffers, gradients, torch's and
    Python's random numbers and the attributes of all modules are as before, and no hook is left.
    A model that was compiled as a whole is run without its compilation.

    Args:
        model: The network, before training.
        batch: Inputs and targets. Inputs that are a tuple or a list are passed as several
            arguments, a mapping as keyword arguments.
        loss_fn: From the model's output and the targets to one number.

    Raises:
        ValueError: If the batch is no pair, or the loss no single number with a gradient.

    Source:
        Lecture [1:26:51](https://youtu.be/P6sfmUTpUmc?t=5211) to the end.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ValueError(
            f"check expects a batch of (inputs, targets), got {type(batch).__name__}"
            + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
        )
    inputs, targets = batch
    eager = getattr(model, "_orig_mod", model)
    watch, window = Watch(eager), Window(0)
    if eager is not model:
        watch.unseen.append("what compiling changes: the model was run without it")
    with _restored(eager), ExitStack() as stack:
        stack.callback(watch.detach)
        eager.train()
        for p in eager.parameters():
            p.grad = None
        watch.attach(window)
        with torch.inference_mode(False), torch.enable_grad():
            loss = loss_fn(_call(eager, inputs), targets)
            if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
                shown = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
                raise ValueError(
                    "check expects loss_fn to return one number with a gradient, got "
                    f"{shown}: average over the batch, and let something require a gradient"
                )
            loss.backward()
        for name, p in watch.root.named_parameters():
            see_weight(window, name, p)
        window.pack()
        steps = read([window])
        layers = layer_facts(watch, [window], steps)
        weights = weight_facts(watch.root, [window], steps, None)
    chain, hidden = chain_of(layers, watch)
    report = Report(
        training=False,
        from_start=True,
        steps=(0,),
        taken=0,
        layers=layers,
        weights=weights,
        loss=loss_facts([window], steps),
        loss_value=loss.item(),
        chain=chain,
        norm_values=watch.norm_values,
        unseen=(*watch.unseen, *hidden),
    )
    return judge(report)


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple | list) else model(inputs)


@contextmanager
def _restored(model: nn.Module) -> Iterator[None]:
    """Put everything back that a pass may change."""
    modules = [(m, dict(vars(m)), dict(m._buffers)) for m in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    gradients = [(p, p.grad) for p in model.parameters()]
    devices = {p.device for p in (*model.parameters(), *model.buffers()) if p.device.type != "cpu"}
    state, python_state = torch.get_rng_state(), random.getstate()
    states = [(d, torch.get_device_module(d).get_rng_state(d)) for d in devices]
    try:
        yield
    finally:
        for module, attributes, own_buffers in modules:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(own_buffers)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for p, gradient in gradients:
            p.grad = gradient
        torch.set_rng_state(state)
        random.setstate(python_state)
        for device, device_state in states:
            torch.get_device_module(device).set_rng_state(device_state, device)
