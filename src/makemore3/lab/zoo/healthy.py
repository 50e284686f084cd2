"""Healthy animals: what people train, and what works."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam, RMSprop

from makemore3.lab.zoo import nets, tasks
from makemore3.lab.zoo.training import (
    Training,
    adam,
    adamw,
    images,
    language,
    momentum,
    relu_gain,
    rows,
    sgd,
    tanh_gain,
)


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
    "LSTM, Adam": lambda: language(nets.Recurrent(nn.LSTM), partial(Adam, lr=3e-3)),
    "GRU, clipped, Adam": lambda: language(
        nets.Recurrent(nn.GRU), partial(Adam, lr=3e-3), clip=1.0
    ),
    "GPT, AdamW": lambda: language(nets.GPT()),
    "GPT tied, warmup, AdamW": lambda: language(nets.GPT(tied=True), warmup=30),
    "GPT dropout, bfloat16, AdamW": lambda: language(
        nets.GPT(dropout=0.1), autocast=torch.bfloat16, steps=60
    ),
    "transformer encoder, Adam": lambda: Training(
        nets.Encoder(), tasks.classed_sequences(), adam, steps=60
    ),
    "dilated convolutions, Adam": lambda: language(nets.Waves(), partial(Adam, lr=3e-3)),
}
"""What people train and what works, by name."""
