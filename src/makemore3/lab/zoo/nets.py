"""Small nets of the kinds that people train; weights come from torch's global random numbers."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.lab.zoo.tasks import CHANNELS, CLASSES, FEATURES, LENGTH, TOKENS

group_norm = partial(nn.GroupNorm, 8)
"""Group norm of eight groups, of as many channels as it is given."""


class RMSNorm(nn.Module):
    """Divide by the root mean square over the features, then scale by `gain`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        return x * x.square().mean(-1, keepdim=True).add(1e-6).rsqrt() * self.gain


def mlp(
    nonlinearity: type[nn.Module] = nn.ReLU,
    *,
    gain: float | None = None,
    depth: int = 4,
    width: int = 48,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
    outputs: int = CLASSES,
) -> nn.Sequential:
    """Build hidden layers of one width; `gain` over root fan-in, or torch's own initialisation."""
    layers: list[nn.Module] = []
    for index in range(depth):
        layers.append(nn.Linear(width if index else FEATURES, width, bias=norm is None))
        if norm is not None:
            layers.append(norm(width))
        layers.append(nonlinearity())
        if dropout:
            layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(width, outputs))
    net = nn.Sequential(*layers)
    if gain is not None:
        scale(net, gain)
    return net


@torch.no_grad()
def scale(net: nn.Module, gain: float) -> None:
    """Draw the weights of all linear layers and convolutions anew, by gain over root fan-in."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            fan_in = layer.weight[0].numel()
            layer.weight.normal_(0, gain * fan_in**-0.5)
            if layer.bias is not None:
                layer.bias.zero_()


class ResidualMLP(nn.Module):
    """Blocks `x + f(norm(x))`."""

    def __init__(self, depth: int = 4, width: int = 48) -> None:
        super().__init__()
        self.embed = nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
            for _ in range(depth)
        )
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, features)` to logits."""
        x = self.embed(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Detached(nn.Module):
    """An MLP whose body is cut off from the gradient by mistake."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = mlp(depth=3, outputs=48), nn.Linear(48, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, features)` to logits."""
        return self.head(self.body(x).detach())


def convnet(
    norm: bool = True, width: int = 16, nonlinearity: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Three convolutions with pooling, then a linear layer."""
    layers: list[nn.Module] = []
    for before, after in ((CHANNELS, width), (width, 2 * width), (2 * width, 2 * width)):
        layers.append(nn.Conv2d(before, after, 3, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(after))
        layers += [nonlinearity(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(CLASSES))


class FunctionalConvNet(nn.Module):
    """Nonlinearities as function calls, which no hook sees."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(CHANNELS, 16, 3, padding=1)
        self.two = nn.Conv2d(16, 32, 3, padding=1)
        self.three = nn.Linear(32 * 4, 64)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = F.max_pool2d(F.relu(self.one(x)), 2)
        x = F.adaptive_avg_pool2d(F.relu(self.two(x)), 2).flatten(1)
        return self.head(F.relu(self.three(x)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, as in ResNet-18; in place where torchvision is."""

    def __init__(
        self, before: int, after: int, stride: int, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1, self.norm2 = norm(after), norm(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), norm(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; the ReLU is one module, called twice."""
        out = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(out + self.shortcut(x))


def resnet(
    widths: tuple[int, ...] = (64, 128, 256, 512),
    blocks: int = 2,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
) -> nn.Sequential:
    """Build a ResNet for small images; as it stands of ResNet-18's size, 11 million weights."""
    layers: list[nn.Module] = [nn.Conv2d(CHANNELS, widths[0], 3, 1, 1, bias=False)]
    layers += [norm(widths[0]), nn.ReLU(inplace=True)]
    before = widths[0]
    for stage, width in enumerate(widths):
        for index in range(blocks):
            stride = 2 if stage and not index else 1
            layers.append(ResidualBlock(before, width, stride, norm))
            before = width
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES)]
    return nn.Sequential(*layers, *pool)


class Recurrent(nn.Module):
    """Embedding, LSTM or GRU, and logits for each place."""

    def __init__(self, cell: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 24)
        self.recurrent = cell(24, 48, batch_first=True)
        self.head = nn.Linear(48, TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map `(N, T)` to logits `(N, T, tokens)`."""
        return self.head(self.recurrent(self.embedding(tokens))[0])


class Attention(nn.Module):
    """Causal attention and an MLP, each beside a residual connection, with the norm first."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, T, width)` to the same."""
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """A decoder-only transformer, initialised as GPT-2."""

    def __init__(
        self, depth: int = 2, width: int = 32, *, tied: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(TOKENS, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.Sequential(*(Attention(width, dropout) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, TOKENS, bias=False)
        if tied:
            self.head.weight = self.tokens.weight
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Embedding):
                nn.init.normal_(layer.weight, std=0.02)
            if isinstance(layer, nn.Linear) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map `(N, T)` to logits `(N, T, tokens)`."""
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x)))


class Encoder(nn.Module):
    """Torch's own transformer encoder, and logits from the mean over the places."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map `(N, T)` to logits `(N, classes)`."""
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


class Waves(nn.Module):
    """Dilated causal convolutions over a sequence, with residual connections."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, width)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**n) for n in range(3))
        self.nonlinearity = nn.ReLU()
        self.head = nn.Linear(width, TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map `(N, T)` to logits `(N, T, tokens)`."""
        x = self.embedding(tokens).transpose(1, 2)
        for index, conv in enumerate(self.convs):
            x = x + self.nonlinearity(conv(F.pad(x, (2**index, 0))))
        return self.head(x.transpose(1, 2))
