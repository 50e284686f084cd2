r"""The fast trainer in plain torch: many nets of one shape as one stack, gradients by hand.

The backward pass, one layer at a time, with $dz$ for the gradient of the loss $L$ with respect
to $z$, a batch of $N$ rows, and $\sum$ over its rows:

- Softmax and cross-entropy: $L$ is the mean of $\ln\sum_j e^{z_j} - z_y$, so
  $dz = (\mathrm{softmax}(z) - \mathrm{onehot}(y)) / N$.
- Tanh: $h = \tanh z$, so $dz = dh\,(1 - h^2)$.
- Batch norm: $z = \gamma\hat{x} + \beta$ with $\hat{x} = (x - \mu)/\sigma$ and
  $\sigma^2 = \sum(x - \mu)^2 / D + \epsilon$, where $D$ is $N$, or $N - 1$ by the lecture's
  convention. $d\beta = \sum dz$ and $d\gamma = \sum dz\,\hat{x}$. The input acts directly, through
  $\mu$ and through $\sigma$: $dx = (\gamma/\sigma)\,(dz - d\beta/N - \hat{x}\,d\gamma/D)$, which is
  Ioffe & Szegedy 2015, section 3, in one line. A ghost batch norm does so for each group of rows.
- Group norm, and layer norm, which has one group: the same along a row, over the $K$ features of a
  group. There $\gamma$ differs within the sums, so with $d\hat{x} = \gamma\,dz$ it becomes
  $dx = (d\hat{x} - \sum d\hat{x}/K - \hat{x}\sum d\hat{x}\,\hat{x}/K)/\sigma$. RMS norm subtracts
  no mean, and has no second term.
- Linear: $z = aW + b$, so $dW = a^T dz$, $db = \sum dz$ and $da = dz\,W^T$.
- Residual branch: $y = x + f(x)$, so $dx$ is $dy$ and what comes back through $f$.
- Embedding: each row of the table gets the sum of the gradients of where it was looked up.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from makemore3.fast.nets import Layer, Net, NormSettings


class Stack:
    """Nets of one shape, their tensors stacked along a first axis, on the GPU if there is one.

    Args:
        nets: The nets; `write_back` copies the trained numbers into them.
        adam: Whether Adam trains them, not plain gradient descent.
    """

    def __init__(self, nets: Sequence[Net], *, adam: bool = False) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._nets = nets
        self._moments: dict[int, tuple[Tensor, Tensor]] | None = {} if adam else None
        self._steps = 0

        def stacked(tensors: Sequence[Tensor]) -> Tensor:
            return torch.stack(list(tensors)).to(self.device)

        self._embedding = stacked([net.embedding for net in nets])  # (M, vocab_size, n_embd)
        self._layers: list[tuple[Layer, dict[str, Tensor]]] = []
        for layer, *others in zip(*(net.layers for net in nets), strict=True):
            every = [layer.tensors(), *(other.tensors() for other in others)]
            together = {name: stacked([one[name] for one in every]) for name in every[0]}
            self._layers.append((layer, together))

    def step(self, x: Tensor, y: Tensor, lr: Tensor) -> Tensor:
        """Take one step of gradient descent with every net, each on its own minibatch.

        Shape:
            `x` is `(M, N, block_size)`, `y` is `(M, N)`, `lr` is `(M, 1, 1)`; the losses, before
            the update, are `(M,)`.
        """
        self._steps += 1
        m, n, block_size = x.shape
        vocab_size, n_embd = self._embedding.shape[1:]
        rows = x + vocab_size * torch.arange(m, device=self.device).view(m, 1, 1)
        a = self._embedding.view(-1, n_embd)[rows].view(m, n, block_size * n_embd)
        passed = []
        for layer, tensors in self._layers:
            z = torch.bmm(a, tensors["weight"])  # (M, N, fan_out)
            if "bias" in tensors:
                z += tensors["bias"][:, None]
            x_hat = inverse_std = None
            if (settings := layer.settings()) is not None:
                x_hat, inverse_std = _normalise(z, settings, tensors)
                z = tensors["gamma"][:, None] * x_hat
                if "beta" in tensors:
                    z = z + tensors["beta"][:, None]
            out = torch.tanh(z) if layer.tanh else z
            passed.append((a, x_hat, inverse_std, out))
            a = a + out if layer.residual else out

        log_p = torch.log_softmax(a, 2)
        losses = -log_p.gather(2, y[..., None]).mean((1, 2))
        d = log_p.exp()
        d.scatter_add_(2, y[..., None], -torch.ones_like(d[..., :1]))
        d /= n

        for (layer, tensors), (a, x_hat, inverse_std, out) in zip(
            reversed(self._layers), reversed(passed), strict=True
        ):
            gradients: dict[str, Tensor] = {}
            direct = d
            if layer.tanh:
                d = d * (1 - out * out)
            if (settings := layer.settings()) is not None:
                assert x_hat is not None
                assert inverse_std is not None
                d, gradients = _norm_backward(d, x_hat, inverse_std, tensors["gamma"], settings)
            if "bias" in tensors:
                gradients["bias"] = d.sum(1)
            gradients["weight"] = torch.bmm(a.mT, d)
            d = torch.bmm(d, tensors["weight"].mT)
            if layer.residual:
                d += direct
            for name, gradient in gradients.items():
                self._update(tensors[name], gradient, lr if gradient.ndim == 3 else lr[:, 0])

        gradient = torch.zeros_like(self._embedding)
        gradient.view(-1, n_embd).index_add_(0, rows.flatten(), d.reshape(-1, n_embd))
        self._update(self._embedding, gradient, lr)
        return losses

    def _update(self, tensor: Tensor, gradient: Tensor, lr: Tensor) -> None:
        """Move a stack of parameters; Adam's settings are the defaults of torch.optim.Adam."""
        if self._moments is None:
            tensor -= lr * gradient
            return
        zeros = torch.zeros_like(tensor), torch.zeros_like(tensor)
        mean, square = self._moments.setdefault(id(tensor), zeros)
        mean.lerp_(gradient, 1 - 0.9)
        square.lerp_(gradient.square(), 1 - 0.999)
        root = square.sqrt() / math.sqrt(1 - 0.999**self._steps)
        tensor -= lr / (1 - 0.9**self._steps) * mean / (root + 1e-8)

    def write_back(self) -> None:
        """Copy the numbers of the stack into the nets."""
        for m, net in enumerate(self._nets):
            net.embedding.copy_(self._embedding[m])
            for layer, (_, together) in zip(net.layers, self._layers, strict=True):
                for name, tensor in layer.tensors().items():
                    tensor.copy_(together[name][m])


def _parts(x: Tensor, settings: NormSettings) -> tuple[Tensor, int]:
    """Return a view of `(M, N, features)`, and its axis along which a norm takes its moments."""
    if settings.groups:
        return x.unflatten(2, (settings.groups, -1)), 3
    if settings.ghost_size:
        return x.unflatten(1, (-1, settings.ghost_size)), 2
    return x, 1


def _normalise(
    x: Tensor, settings: NormSettings, tensors: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return x hat and 1 / sigma, having moved the running statistics towards the batch's."""
    parts, axis = _parts(x, settings)
    size = parts.shape[axis]
    mean = parts.mean(axis, keepdim=True) if settings.centred else None
    centred = parts if mean is None else parts - mean
    squares = centred.square().sum(axis)
    if settings.groups or mean is None:
        var = squares / size
    else:
        unbiased = squares / (size - 1)
        var = unbiased if settings.unbiased else squares / size
        _move_running_statistics(mean.squeeze(axis), unbiased, settings, tensors)
    inverse_std = torch.rsqrt(var + settings.eps).unsqueeze(axis)
    x_hat = centred * inverse_std
    return x_hat if axis == 1 else x_hat.reshape(x.shape), inverse_std


def _move_running_statistics(
    mean: Tensor, var: Tensor, settings: NormSettings, tensors: dict[str, Tensor]
) -> None:
    ghosts = settings.ghost_size
    moments = zip(mean.unbind(1), var.unbind(1), strict=True) if ghosts else [(mean, var)]
    for one_mean, one_var in moments:
        tensors["running_mean"].lerp_(one_mean, settings.momentum)
        if settings.running_std:
            running_std = tensors["running_var"].sqrt_()
            running_std.lerp_(one_var.sqrt(), settings.momentum).square_()
        else:
            tensors["running_var"].lerp_(one_var, settings.momentum)


def _norm_backward(
    d: Tensor, x_hat: Tensor, inverse_std: Tensor, gamma: Tensor, settings: NormSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the gradient of a norm's input, and those of its gain and shift."""
    shape = d.shape
    gradients = {}
    if settings.groups:
        gradients["gamma"] = (d * x_hat).sum(1)
        if settings.centred:
            gradients["beta"] = d.sum(1)
        d = d * gamma[:, None]
    (d, axis), (x_hat, _) = _parts(d, settings), _parts(x_hat, settings)
    size = d.shape[axis]
    total, slope = d.sum(axis), (d * x_hat).sum(axis)
    if not settings.groups:
        ghosts = settings.ghost_size
        gradients["gamma"] = slope.sum(1) if ghosts else slope
        gradients["beta"] = total.sum(1) if ghosts else total
    if settings.centred:
        d = d - total.unsqueeze(axis) / size
    d = (d - x_hat * slope.unsqueeze(axis) / (size - settings.unbiased)) * inverse_std
    d = d if axis == 1 else d.reshape(shape)
    return d if settings.groups else d * gamma[:, None], gradients
