"""Sick animals: each has one mistake, from these notes or from practice."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW

from makemore3.lab.zoo import nets, tasks
from makemore3.lab.zoo.training import (
    Make,
    Training,
    adam,
    images,
    language,
    relu_gain,
    rows,
    sgd,
    tanh_gain,
)


def _scaled_conv() -> nn.Module:
    net = nets.convnet(norm=False)
    net(torch.zeros(1, tasks.CHANNELS, tasks.SIZE, tasks.SIZE))
    nets.scale(net, 6.0)
    return net


def _changed(net: nn.Module, change: Callable[[nn.Linear], object]) -> nn.Module:
    """Change all linear layers of a net, by mistake."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear):
                change(layer)
    return net


def _sick(net: nn.Module, optimizer: Make = sgd, **other: Any) -> Training:
    return Training(net, rows, optimizer, **other)


def _last_times(factor: float) -> Training:
    net = nets.mlp(gain=relu_gain)
    nn.init.normal_(net.get_parameter("8.weight"), std=factor * relu_gain * 48**-0.5)
    return _sick(net)


def _head_forgotten() -> Training:
    net = nets.mlp(gain=relu_gain)
    return _sick(net, adam, given=list(net[:-1].parameters()))


def _body_frozen() -> Training:
    net = nets.mlp(gain=relu_gain)
    net[:-1].requires_grad_(False)
    return _sick(net, adam)


def _logarithm(output: Tensor, targets: Tensor) -> Tensor:
    """A loss of one's own that takes the logarithm of what may be negative."""
    return -output.gather(1, targets[:, None]).log().mean()


def _rolled(x: Tensor, y: Tensor) -> tasks.Batch:
    return x, y.roll(1, 0)


def _one_class(x: Tensor, y: Tensor) -> tasks.Batch:
    same = y == y[0]
    return x[same], y[same]


def _softmaxed(net: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*net, nn.Softmax(1))


SICK: dict[str, tuple[Callable[[], Training], str]] = {
    "last layer tenfold": (lambda: _last_times(10), "first loss"),
    "weights of std 1, tanh": (
        lambda: _sick(_changed(nets.mlp(nn.Tanh), lambda layer: layer.weight.normal_())),
        "saturated",
    ),
    "tanh, gain 1/2, eight layers": (
        lambda: _sick(nets.mlp(nn.Tanh, gain=0.5, depth=8)),
        "signal per layer, gradient per layer",
    ),
    "ReLU, gain 3, eight layers": (
        lambda: _sick(nets.mlp(gain=3.0, depth=8), adam),
        "signal per layer, first loss, gradient per layer",
    ),
    "weights of std 0.01, ReLU": (
        lambda: _sick(_changed(nets.mlp(depth=6), lambda layer: layer.weight.normal_(0, 0.01))),
        "signal per layer, gradient per layer",
    ),
    "exploding convolutions": (
        lambda: Training(_scaled_conv(), images, adam),
        "signal per layer, first loss, gradient per layer",
    ),
    "ReLU, biases of -3": (
        lambda: _sick(_changed(nets.mlp(gain=relu_gain), lambda layer: layer.bias.fill_(-3.0))),
        "dead units, no gradient, signal per layer",
    ),
    "all weights zero": (
        lambda: _sick(_changed(nets.mlp(), lambda layer: layer.weight.zero_())),
        "constant weights, no gradient",
    ),
    "all weights 0.1": (
        lambda: _sick(_changed(nets.mlp(), lambda layer: layer.weight.fill_(0.1))),
        "constant weights",
    ),
    "sigmoid, eight layers": (
        lambda: _sick(nets.mlp(nn.Sigmoid, depth=8)),
        "gradient per layer, gradient in total",
    ),
    "fifty layers, batch norm": (
        lambda: _sick(nets.mlp(depth=50, width=24, norm=nn.BatchNorm1d), steps=40),
        "gradient in total, gradient per layer",
    ),
    "Adam, rate 1e-7": (
        lambda: _sick(nets.mlp(gain=relu_gain), partial(Adam, lr=1e-7)),
        "update size",
    ),
    "SGD, rate 1e-5": (
        lambda: Training(nets.convnet(), images, partial(SGD, lr=1e-5)),
        "update size, no better than a guess",
    ),
    "Adam, rate 0.3": (
        lambda: _sick(nets.mlp(gain=relu_gain), partial(Adam, lr=0.3)),
        "huge step, update size, loss grows, no better than a guess",
    ),
    "SGD, rate 20": (
        lambda: _sick(nets.mlp(gain=relu_gain), partial(SGD, lr=20.0)),
        "huge step, update size, loss grows, not a number, dead units",
    ),
    "GPT, rate 0.1": (
        lambda: language(nets.GPT(), partial(AdamW, lr=0.1)),
        "huge step, update size, loss grows, no better than a guess",
    ),
    "LSTM, SGD rate 100": (
        lambda: language(nets.Recurrent(nn.LSTM), partial(SGD, lr=100.0)),
        "huge step, update size, loss grows, not a number",
    ),
    "no zero_grad, SGD": (
        lambda: _sick(nets.mlp(nn.Tanh, gain=tanh_gain), zero_grad=False),
        "old gradients",
    ),
    "no zero_grad, conv, Adam": (
        lambda: Training(nets.convnet(), images, adam, zero_grad=False),
        "old gradients",
    ),
    "eval mode, conv, batch norm": (
        lambda: Training(nets.convnet(), images, sgd, eval_mode=True),
        "eval mode",
    ),
    "eval mode, GPT, dropout": (
        lambda: language(nets.GPT(dropout=0.2), eval_mode=True),
        "eval mode",
    ),
    "evaluated in training mode": (
        lambda: Training(nets.convnet(), images, sgd, evaluate_every=10),
        "training mode",
    ),
    "softmax twice, MLP": (lambda: _sick(_softmaxed(nets.mlp(gain=relu_gain))), "softmax twice"),
    "softmax twice, conv": (
        lambda: Training(_softmaxed(nets.convnet()), images, adam),
        "softmax twice",
    ),
    "labels shifted by a row": (
        lambda: _sick(nets.mlp(gain=relu_gain), adam, spoil=_rolled),
        "no better than a guess",
    ),
    "sequences with others' targets": (
        lambda: language(nets.GPT(), spoil=_rolled),
        "no better than a guess",
    ),
    "body frozen by mistake": (_body_frozen, "frozen"),
    "head not in the optimizer": (_head_forgotten, "never changes"),
    "detach in forward": (lambda: _sick(nets.Detached(), adam), "no gradient"),
    "batch norm, batch of 2": (
        lambda: Training(nets.mlp(norm=nn.BatchNorm1d), tasks.rows(2), sgd),
        "small batch",
    ),
    "batch norm, one image": (
        lambda: Training(nets.convnet(), tasks.images(1), sgd),
        "small batch",
    ),
    "loss with a logarithm": (
        lambda: _sick(nets.mlp(gain=relu_gain), loss=_logarithm),
        "not a number",
    ),
    "inputs a hundredfold, tanh": (
        lambda: _sick(nets.mlp(nn.Tanh, gain=tanh_gain, depth=1), spoil=lambda x, y: (100 * x, y)),
        "saturated",
    ),
    "inputs all zero": (
        lambda: _sick(nets.mlp(gain=relu_gain), adam, spoil=lambda x, y: (0 * x, y)),
        "no better than a guess, signal per layer, dead units, no gradient",
    ),
    "rate 0, by a scheduler": (lambda: _sick(nets.mlp(), partial(SGD, lr=0.0)), "update size"),
    "gradients clipped to 1e-6": (
        lambda: _sick(nets.mlp(gain=relu_gain), clip=1e-6),
        "update size",
    ),
    "weight decay of 3": (
        lambda: _sick(nets.mlp(gain=relu_gain), partial(SGD, lr=0.1, weight_decay=3.0)),
        "no better than a guess, signal per layer, update size",
    ),
    "one class a batch": (
        lambda: _sick(nets.mlp(gain=relu_gain), adam, spoil=_one_class),
        "no better than a guess, loss grows",
    ),
    "dropout of 0.95": (
        lambda: _sick(nets.mlp(gain=relu_gain, dropout=0.95), adam),
        "no better than a guess, dead units",
    ),
}
"""What goes wrong, by name, with the rules that would name it."""
