"""The zoo's animals: each a net, a task, an optimizer and, for the sick ones, a mistake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from makemore3.lab.zoo import nets, tasks

Loss = Callable[[Tensor, Tensor], Tensor]
Make = Callable[[list[nn.Parameter]], Optimizer]


@dataclass
class Training:
    """A net and how it is trained.

    Args:
        model: The net, in training mode.
        task: What draws its batches.
        optimizer: Makes its optimizer from the parameters that it is given.
        loss: From output and targets to one number.
        steps: How many.
        zero_grad: Whether gradients are cleared before each step.
        eval_mode: Whether it is trained in `eval` mode.
        evaluate_every: Steps between evaluations in training mode; 0 for none.
        accumulate: Batches whose gradients are added up for one step.
        autocast: Number format of mixed precision.
        given: The parameters that the optimizer is given; `None` for all.
        spoil: A change of each batch, by mistake.
        clip: Norm to which gradients are clipped.
        warmup: Steps in which the learning rate rises.
    """

    model: nn.Module
    task: tasks.Task
    optimizer: Make
    loss: Loss = F.cross_entropy
    steps: int = 120
    zero_grad: bool = True
    eval_mode: bool = False
    evaluate_every: int = 0
    accumulate: int = 1
    autocast: torch.dtype | None = None
    given: list[nn.Parameter] | None = None
    spoil: Callable[[Tensor, Tensor], tasks.Batch] | None = None
    clip: float | None = None
    warmup: int = 0


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


sgd, adam = partial(SGD, lr=0.1), partial(Adam, lr=1e-3)
adamw, momentum = partial(AdamW, lr=1e-3), partial(SGD, lr=0.05, momentum=0.9)
rows, images, sequences = tasks.rows(), tasks.images(), tasks.sequences()
tanh_gain, relu_gain = 5 / 3, 2**0.5


def _language(model: nn.Module, optimizer: Make = adamw, **other: Any) -> Training:
    return Training(model, sequences, optimizer, tasks.by_token, **other)


def _fine_tuned() -> Training:
    """A trained body, frozen on purpose, and a new head."""
    net = nets.mlp(depth=3)
    optimizer, generator = Adam(net.parameters(), 3e-3), torch.Generator().manual_seed(0)
    for _ in range(200):
        x, y = rows(generator)
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    net[:-1].requires_grad_(False)
    net[-1] = nn.Linear(48, tasks.CLASSES)
    return Training(net, rows, partial(Adam, lr=1e-2), given=list(net[-1].parameters()))


HEALTHY = {
    "MLP tanh, Kaiming, SGD": lambda: Training(nets.mlp(nn.Tanh, gain=tanh_gain), rows, sgd),
    "MLP ReLU, Kaiming, Adam": lambda: Training(nets.mlp(gain=relu_gain), rows, adam),
    "MLP ReLU, torch's init, Adam": lambda: Training(nets.mlp(depth=2), rows, adam),
    "MLP batch norm, SGD": lambda: Training(nets.mlp(nn.Tanh, norm=nn.BatchNorm1d), rows, sgd),
    "MLP layer norm, AdamW": lambda: Training(nets.mlp(norm=nn.LayerNorm), rows, adamw),
    "MLP RMS norm, Adam": lambda: Training(nets.mlp(nn.SiLU, norm=nets.RMSNorm), rows, adam),
    "MLP group norm, momentum": lambda: Training(
        nets.mlp(norm=partial(nn.GroupNorm, 4)), rows, momentum
    ),
    "MLP residual, Adam": lambda: Training(nets.ResidualMLP(), rows, adam),
    "MLP GELU, dropout, AdamW": lambda: Training(
        nets.mlp(nn.GELU, gain=relu_gain, dropout=0.1), rows, adamw
    ),
    "MLP SELU, SGD": lambda: Training(nets.mlp(nn.SELU, gain=1.0), rows, sgd),
    "MLP sigmoid, one hidden, Adam": lambda: Training(
        nets.mlp(nn.Sigmoid, depth=1), rows, partial(Adam, lr=1e-2)
    ),
    "MLP leaky ReLU, RMSprop": lambda: Training(
        nets.mlp(nn.LeakyReLU, gain=relu_gain), rows, partial(RMSprop, lr=1e-3)
    ),
    "MLP ten layers, batch norm, SGD": lambda: Training(
        nets.mlp(nn.Tanh, depth=10, norm=nn.BatchNorm1d), rows, sgd
    ),
    "MLP bfloat16, AdamW": lambda: Training(
        nets.mlp(gain=relu_gain), rows, adamw, autocast=torch.bfloat16
    ),
    "MLP rare class, Adam": lambda: Training(
        nets.mlp(nn.Tanh, gain=tanh_gain, outputs=2), tasks.imbalanced_rows(), adam
    ),
    "MLP regression, Adam": lambda: Training(
        nets.mlp(gain=relu_gain, outputs=1), tasks.measured_rows(), adam, F.mse_loss
    ),
    "MLP accumulated gradients, SGD": lambda: Training(
        nets.mlp(nn.Tanh, gain=tanh_gain), tasks.rows(16), sgd, accumulate=4
    ),
    "MLP fine-tuned head, Adam": _fine_tuned,
    "conv batch norm, SGD": lambda: Training(nets.convnet(), images, sgd),
    "conv plain, Adam": lambda: Training(nets.convnet(norm=False), images, adam),
    "conv functions, Adam": lambda: Training(nets.FunctionalConvNet(), images, adam),
    "conv bfloat16, momentum": lambda: Training(
        nets.convnet(), images, momentum, autocast=torch.bfloat16
    ),
    "ResNet-18, momentum": lambda: Training(nets.resnet(), tasks.images(8), momentum, steps=21),
    "ResNet group norm, AdamW": lambda: Training(
        nets.resnet((16, 32), norm=nets.group_norm), images, adamw, steps=40
    ),
    "LSTM, Adam": lambda: _language(nets.Recurrent(nn.LSTM), partial(Adam, lr=3e-3)),
    "GRU, clipped, Adam": lambda: _language(
        nets.Recurrent(nn.GRU), partial(Adam, lr=3e-3), clip=1.0
    ),
    "GPT, AdamW": lambda: _language(nets.GPT()),
    "GPT tied, warmup, AdamW": lambda: _language(nets.GPT(tied=True), warmup=30),
    "GPT dropout, bfloat16, AdamW": lambda: _language(
        nets.GPT(dropout=0.1), autocast=torch.bfloat16, steps=60
    ),
    "transformer encoder, Adam": lambda: Training(
        nets.Encoder(), tasks.classed_sequences(), adam, steps=60
    ),
    "dilated convolutions, Adam": lambda: _language(nets.Waves(), partial(Adam, lr=3e-3)),
}
"""What people train and what works, by name."""


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
        lambda: _language(nets.GPT(), partial(AdamW, lr=0.1)),
        "huge step, update size, loss grows, no better than a guess",
    ),
    "LSTM, SGD rate 100": (
        lambda: _language(nets.Recurrent(nn.LSTM), partial(SGD, lr=100.0)),
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
        lambda: _language(nets.GPT(dropout=0.2), eval_mode=True),
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
        lambda: _language(nets.GPT(), spoil=_rolled),
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


def _scaled_conv() -> nn.Module:
    net = nets.convnet(norm=False)
    net(torch.zeros(1, tasks.CHANNELS, tasks.SIZE, tasks.SIZE))
    nets.scale(net, 6.0)
    return net


def _all() -> Iterator[Case]:
    for name, train in HEALTHY.items():
        yield Case(name, train)
    for name, (train, rules) in SICK.items():
        yield Case(name, train, tuple(rules.split(", ")))


CASES = tuple(_all())
"""The whole zoo."""
