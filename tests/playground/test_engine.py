"""The compiled trainer by itself, in wasmtime: every net trains as torch trains it."""

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from playground_nets import CHAOTIC, DEEP, NETS, built
from torch import Tensor, nn
from wasmtime import Engine, Instance, Module, Store

from makemore3.data import Dataset, load_dataset, minibatch
from makemore3.fast.nets import take_apart
from makemore3.models import STAGES
from makemore3.training import TrainConfig, train

WASM = Path(__file__).parents[2] / "docs" / "assets" / "playground" / "engine.wasm"
BATCH_SIZE = 32


@pytest.fixture(scope="module")
def names() -> Dataset:
    return load_dataset()


@pytest.fixture
def wasm(compiled: tuple[Engine, Module]) -> "Wasm":
    return Wasm(*compiled)


@pytest.fixture(scope="module")
def compiled() -> tuple[Engine, Module]:
    engine = Engine()
    return engine, Module(engine, WASM.read_bytes())


class Wasm:
    """An instance of the trainer, which imports nothing, and its memory."""

    def __init__(self, engine: Engine, module: Module) -> None:
        self.store = Store(engine)
        self.exports: Any = Instance(self.store, module, []).exports(self.store)
        self.call("_initialize")

    def call(self, name: str, *arguments: float) -> Any:
        return self.exports[name](self.store, *arguments)

    def put(self, tensor: Tensor | None) -> int:
        """Copy a tensor into the memory, and return its address; null for none."""
        if tensor is None:
            return 0
        content = tensor.detach().contiguous().numpy().tobytes()
        at = self.call("reserve", len(content))
        self.exports["memory"].write(self.store, content, at)
        return at

    def floats(self, at: int, count: int) -> list[float]:
        content = self.exports["memory"].read(self.store, at, at + 4 * count)
        return list(struct.unpack(f"<{count}f", content))


def trained(wasm: Wasm, model: nn.Module, x: Tensor, y: Tensor) -> list[float]:
    """The loss of each step."""
    net = take_apart(model)
    embedding = wasm.put(net.embedding)
    blocks = wasm.call("reserve_blocks", len(net.layers))
    for index, layer in enumerate(net.layers):
        norm = layer.settings()
        tensors = layer.tensors()
        names = ("weight", "bias", "gamma", "beta", "running_mean", "running_var")
        wasm.call(
            "block",
            *(blocks, index, *layer.linear.weight.shape, layer.tanh),
            *(
                (norm.unbiased, norm.running_std, norm.eps, norm.momentum)
                if norm
                else (0, 0, 0.0, 0.0)
            ),
            *(wasm.put(tensors.get(name)) for name in names),
        )
    steps, batch_size, block_size = x.shape
    losses = wasm.put(torch.zeros(steps))
    sizes = (*net.embedding.shape, block_size, batch_size, steps)
    start = (blocks, len(net.layers), embedding, *sizes, wasm.put(x), wasm.put(y))
    assert wasm.call("run", *start, TrainConfig().lr, losses) == steps
    return wasm.floats(losses, steps)


@pytest.mark.parametrize("name", NETS)
def test_losses_are_torchs(wasm: Wasm, names: Dataset, name: str):
    steps = 10 if name in CHAOTIC else 1000 if name in (*STAGES, *DEEP) else 300
    model, generator = built(name)
    batches = [minibatch(names.train, BATCH_SIZE, generator=generator) for _ in range(steps)]
    x, y = (torch.stack(parts) for parts in zip(*batches, strict=True))
    losses = trained(wasm, model, x, y)
    model, generator = built(name)
    history = train(model, names.train, TrainConfig(max_steps=steps), generator=generator)
    assert losses == pytest.approx(history.losses, rel=1e-5 if name in CHAOTIC else 2e-6)
