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
  Ioffe & Szegedy 2015, section 3, in one line.
- Linear: $z = aW + b$, so $dW = a^T dz$, $db = \sum dz$ and $da = dz\,W^T$.
- Embedding: each row of the table gets the sum of the gradients of where it was looked up.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from makemore3.fast.nets import Layer, Net


class Stack:
    """Nets of one shape, their tensors stacked along a first axis, on the GPU if there is one.

    Args:
        nets: The nets; `write_back` copies the trained numbers into them.
    """

    def __init__(self, nets: Sequence[Net]) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._nets = nets

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
            if layer.norm is not None:
                x_hat, inverse_std = _normalise(z, layer, tensors)
                z = tensors["gamma"][:, None] * x_hat + tensors["beta"][:, None]
            out = torch.tanh(z) if layer.tanh else z
            passed.append((a, x_hat, inverse_std, out))
            a = out

        log_p = torch.log_softmax(a, 2)
        losses = -log_p.gather(2, y[..., None]).mean((1, 2))
        d = log_p.exp()
        d.scatter_add_(2, y[..., None], -torch.ones_like(d[..., :1]))
        d /= n

        for (layer, tensors), (a, x_hat, inverse_std, out) in zip(
            reversed(self._layers), reversed(passed), strict=True
        ):
            gradients = {}
            if layer.tanh:
                d = d * (1 - out * out)
            if layer.norm is not None:
                assert x_hat is not None
                gradients["beta"] = d.sum(1)
                gradients["gamma"] = (d * x_hat).sum(1)
                divisor = n if layer.norm.convention == "torch" else n - 1
                d = (
                    d
                    - gradients["beta"][:, None] / n
                    - x_hat * gradients["gamma"][:, None] / divisor
                )
                d = d * tensors["gamma"][:, None] * inverse_std
            if "bias" in tensors:
                gradients["bias"] = d.sum(1)
            gradients["weight"] = torch.bmm(a.mT, d)
            d = torch.bmm(d, tensors["weight"].mT)
            for name, gradient in gradients.items():
                tensors[name] -= (lr if gradient.ndim == 3 else lr[:, 0]) * gradient

        gradient = torch.zeros_like(self._embedding)
        gradient.view(-1, n_embd).index_add_(0, rows.flatten(), d.reshape(-1, n_embd))
        self._embedding -= lr * gradient
        return losses

    def write_back(self) -> None:
        """Copy the numbers of the stack into the nets."""
        for m, net in enumerate(self._nets):
            net.embedding.copy_(self._embedding[m])
            for layer, (_, together) in zip(net.layers, self._layers, strict=True):
                for name, tensor in layer.tensors().items():
                    tensor.copy_(together[name][m])


def _normalise(x: Tensor, layer: Layer, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return x hat and 1 / sigma, having moved the running statistics towards the batch's."""
    assert layer.norm is not None
    convention, momentum = layer.norm.convention, layer.norm.momentum
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    squares = centred.square().sum(1)
    unbiased = squares / (x.shape[1] - 1)
    var = squares / x.shape[1] if convention == "torch" else unbiased
    inverse_std = torch.rsqrt(var + layer.norm.eps)[:, None]
    tensors["running_mean"].lerp_(mean[:, 0], momentum)
    if convention == "lecture-std":
        tensors["running_var"].sqrt_().lerp_(unbiased.sqrt(), momentum).square_()
    else:
        tensors["running_var"].lerp_(unbiased, momentum)
    return centred * inverse_std, inverse_std
