"""ResNet-50 in torch's own layers: the lecture's example of batch norm in a real, deep net."""

from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn

from makemore3.layers import check_sizes

__all__ = ["Bottleneck", "ResNet50"]

EXPANSION = 4
"""Output channels of a bottleneck, as a multiple of its width."""


class Bottleneck(nn.Module):
    """Three convolutions, each with a batch norm, and a shortcut around them.

    The 1x1 convolution makes the image narrow (few channels), the 3x3 one works on it, the second
    1x1 one makes it wide again. A ReLU follows each of the first two norms, the third ReLU comes
    after the sum. The shortcut passes the input on as it is, and has a convolution and a norm
    only where the shapes differ. Nothing works in place, so that hooks see every output.

    Args:
        in_channels: Channels of the input.
        width: Channels in the narrow part.
        stride: Step of the 3x3 convolution; 2 halves height and width.
        batch_norm: False puts `Identity` in the place of each norm, and gives the convolutions
            biases, which start as zero.
        residual: Whether there is a shortcut.
        generator: Source of the random numbers. The weights are Kaiming normal for ReLU over
            fan-out, and drawn in the order conv1, conv2, conv3, shortcut.

    Raises:
        ValueError: If a size or the stride is less than 1; in `forward`, if the input is not
            `(N, in_channels, H, W)`.

    Shape:
        `(N, in_channels, H, W)` in, `(N, 4 * width, H / stride, W / stride)` out, rounded up.

    Source:
        He et al. 2015, [Deep Residual Learning](https://arxiv.org/abs/1512.03385), fig. 5; the
        stride in the 3x3 convolution as in
        [torchvision](https://docs.pytorch.org/vision/stable/models/resnet.html) ("v1.5");
        lecture [1:05:25](https://youtu.be/P6sfmUTpUmc?t=3925).
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        stride: int = 1,
        batch_norm: bool = True,
        residual: bool = True,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        check_sizes("Bottleneck", in_channels=in_channels, width=width, stride=stride)
        self.in_channels = in_channels
        out_channels = EXPANSION * width

        conv = partial(_convolution, bias=not batch_norm, generator=generator)
        self.body = nn.Sequential(
            OrderedDict(
                conv1=conv(in_channels, width, 1),
                norm1=_norm(width, batch_norm),
                relu1=nn.ReLU(),
                conv2=conv(width, width, 3, stride),
                norm2=_norm(width, batch_norm),
                relu2=nn.ReLU(),
                conv3=conv(width, out_channels, 1),
                norm3=_norm(out_channels, batch_norm),
            )
        )
        self.shortcut: nn.Module | None = None
        if residual and (stride, in_channels) == (1, out_channels):
            self.shortcut = nn.Identity()
        elif residual:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    conv=conv(in_channels, out_channels, 1, stride),
                    norm=_norm(out_channels, batch_norm),
                )
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the body, add the shortcut, apply ReLU."""
        _check_images("Bottleneck", x, self.in_channels)
        y = self.body(x)  # (N, 4 * width, H / stride, W / stride)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return self.relu(y)


class ResNet50(nn.Module):
    """A stem, 16 bottlenecks in four stages, and a linear layer: 50 layers with weights.

    Args:
        num_classes: Logits of each image.
        batch_norm: False leaves out every norm and gives the convolutions biases.
        residual: False leaves out every shortcut: the plain net of the same depth.
        generator: Source of the random numbers. Convolutions are Kaiming normal for ReLU over
            fan-out, biases before a missing norm zero; the last layer is drawn as
            `torch.nn.Linear` draws it by default, uniform within one over root fan-in.

    Raises:
        ValueError: If `num_classes` is less than 1; in `forward`, if the input is not
            `(N, 3, H, W)`, or has a single value per channel in training.

    Shape:
        `(N, 3, H, W)` in, logits `(N, num_classes)` out; the outputs of the stages have 256,
        512, 1024 and 2048 channels at 1/4, 1/8, 1/16 and 1/32 of height and width.

    Source:
        He et al. 2015, [Deep Residual Learning](https://arxiv.org/abs/1512.03385), table 1;
        weights as in [torchvision](https://docs.pytorch.org/vision/stable/models/resnet.html),
        after He et al. 2015, [Delving Deep](https://arxiv.org/abs/1502.01852), eq. 14;
        lecture [1:04:50](https://youtu.be/P6sfmUTpUmc?t=3890).
    """

    def __init__(
        self,
        *,
        num_classes: int = 1000,
        batch_norm: bool = True,
        residual: bool = True,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        check_sizes("ResNet50", num_classes=num_classes)

        def stage(in_channels: int, width: int, *, blocks: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                *(
                    Bottleneck(
                        EXPANSION * width if index else in_channels,
                        width,
                        stride=1 if index else stride,
                        batch_norm=batch_norm,
                        residual=residual,
                        generator=generator,
                    )
                    for index in range(blocks)
                )
            )

        self.stem = nn.Sequential(
            OrderedDict(
                conv=_convolution(3, 64, 7, 2, bias=not batch_norm, generator=generator),
                norm=_norm(64, batch_norm),
                relu=nn.ReLU(),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        self.stage1 = stage(64, 64, blocks=3, stride=1)
        self.stage2 = stage(256, 128, blocks=4, stride=2)
        self.stage3 = stage(512, 256, blocks=6, stride=2)
        self.stage4 = stage(1024, 512, blocks=3, stride=2)
        self.head = nn.Sequential(
            OrderedDict(
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                linear=_linear(2048, num_classes, generator=generator),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pass the images through stem, stages and head."""
        _check_images("ResNet50", x, 3)
        x = self.stem(x)  # (N, 64, H / 4, W / 4)
        x = self.stage1(x)  # (N, 256, H / 4, W / 4)
        x = self.stage2(x)  # (N, 512, H / 8, W / 8)
        x = self.stage3(x)  # (N, 1024, H / 16, W / 16)
        x = self.stage4(x)  # (N, 2048, H / 32, W / 32)
        return self.head(x)  # (N, num_classes)


def _convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    bias: bool,
    generator: torch.Generator,
) -> nn.Conv2d:
    """Return a convolution that keeps height and width, or divides them by the stride."""
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        bias=bias,
        device="meta",  # where it draws nothing: torch's own draw has no generator
    ).to_empty(device="cpu")
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _norm(channels: int, batch_norm: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


def _linear(in_features: int, out_features: int, *, generator: torch.Generator) -> nn.Linear:
    linear = nn.Linear(in_features, out_features, device="meta").to_empty(device="cpu")
    for parameter in (linear.weight, linear.bias):
        nn.init.uniform_(parameter, -(in_features**-0.5), in_features**-0.5, generator=generator)
    return linear


def _check_images(owner: str, x: Tensor, channels: int) -> None:
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(
            f"{owner} needs x of shape (N, {channels}, H, W), got {tuple(x.shape)}: "
            "pass a batch of images, channels first"
        )
