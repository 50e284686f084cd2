"""What the package says to bad input, in whole: `messages.txt` reads from top to bottom."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from makemore3 import figures
from makemore3.data import Dataset, Names, Split, Vocabulary, build_split, load_dataset
from makemore3.diagnostics import (
    Monitor,
    UpdateRatios,
    activation_stats,
    check,
    dead_units,
    gradient_stats,
    load_setup,
    local_gradient,
    parameter_stats,
    record_activations,
    record_gradients,
    saturation,
)
from makemore3.fast import train_many
from makemore3.fast.nets import take_apart
from makemore3.folding import fold_batchnorm
from makemore3.keep import load_checkpoint, train_resumably
from makemore3.lab.bench import bench, read_speed
from makemore3.lab.overhead import measure, read_costs
from makemore3.lab.records import open_record, read_results
from makemore3.lab.scoring import error_over_names
from makemore3.lab.sweeps import seeds, sweep
from makemore3.lab.tables import low_to_high
from makemore3.lab.variants import Variant
from makemore3.layers import (
    BatchNorm1d,
    Embedding,
    Flatten,
    GhostBatchNorm1d,
    GroupNorm,
    Linear,
    Residual,
    RMSNorm,
    Tanh,
    gaussian_rms,
)
from makemore3.models import KAIMING, NetSpec, deep_mlp, mlp
from makemore3.resnet import Bottleneck
from makemore3.sampling import sample_names
from makemore3.training import History, TrainConfig, evaluate, split_loss, steps, train

SPLIT = build_split(["emma", "ava"], Vocabulary())
EMPTY = Split(torch.empty(0, 3, dtype=torch.int64), torch.empty(0, dtype=torch.int64))
NAMES = Names(("ab",) * 10, "made up", "0" * 64)


def g() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def net() -> nn.Sequential:
    return mlp(KAIMING, n_hidden=5, generator=g())


def deep(**options: Any) -> nn.Module:
    return deep_mlp(**options, generator=g())


def changed(place: str, value: Any) -> nn.Sequential:
    """A net with something else in one place, such as `hidden.bias`."""
    model = net()
    owner, _, name = place.rpartition(".")
    setattr(model.get_submodule(owner) if owner else model, name, value)
    return model


def dataset() -> Dataset:
    return load_dataset(NAMES)


def fast(**changes: Any) -> object:
    models = changes.pop("models", [net()])
    split = changes.pop("split", SPLIT)
    options = {"generators": [g()], "progress": False, **changes}
    return train_many(models, split, TrainConfig(max_steps=1), **options)


def loud(threshold: float = 0.99) -> object:
    return saturation(torch.tensor([[2.0, -0.5]]), threshold=threshold)


def recorded(*layers: str) -> object:
    with record_activations(nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), layers or None) as found:
        return nn.LSTM(2, 2), found


def without_gradient() -> object:
    model = nn.Sequential(nn.Linear(2, 2))
    with record_gradients(model, nn.Linear), torch.no_grad():
        return model(torch.ones(1, 2))


def a_tuple() -> object:
    model = nn.LSTM(2, 2)
    with record_activations(model, nn.LSTM):
        return model(torch.ones(1, 2))


def same(layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(layer, layer)


def within(context: Any, act: Callable[[], object]) -> object:
    with context:
        return act()


def written(content: str | bytes, name: str = "some.file") -> Path:
    """A file of that content; the test has a folder of its own."""
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def saved(content: object) -> Path:
    torch.save(content, "some.file")
    return Path("some.file")


def archive() -> Path:
    with zipfile.ZipFile("some.file", "w") as file:
        file.writestr("notes.txt", "remember the milk")
    return Path("some.file")


def record(*lines: str) -> Path:
    header = (
        '{"format":"makemore3 sweep 3","data":{},"versions":{},"splits":["train","dev"],'
        '"shared":{},"variants":{"a":{}}}'
    )
    return written("".join(f"{line}\n" for line in (header, *lines)))


def held_twice() -> object:
    with open_record(Path("held")), open_record(Path("held")) as found:
        return found


def swept(name: str, **settings: Any) -> object:
    variant = Variant(
        name, NetSpec("mlp", {"stage": "kaiming"}), TrainConfig(max_steps=1, **settings)
    )
    return sweep([variant], [1], dataset(), Path("runs"), method="stacked")


def resumed(**settings: Any) -> object:
    config = TrainConfig(**{"max_steps": 1, **settings})
    return train_resumably(net(), SPLIT, config, generator=g(), checkpoint="run")


def several(*acts: Callable[[], object]) -> object:
    return [act() for act in acts]


def watched() -> Monitor:
    model = net()
    return Monitor(model, torch.optim.SGD(model.parameters()))


def started_twice() -> object:
    with watched() as monitor:
        return monitor.start()


def ratios(*numbers: float) -> UpdateRatios:
    made = UpdateRatios()
    made.ratios = {"weight": list(numbers)}
    return made


def report(scale: float = 1.0) -> Any:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    return check(model, (torch.ones(3, 2) * scale, torch.ones(3, 2)), nn.MSELoss())


def setup(code: str) -> str:
    return f"{written(code, 'mine.py')}:setup"


REFUSED: dict[str, Callable[[], object]] = {
    "a letter": lambda: Vocabulary().encode("Émma"),
    "a text of 40": lambda: Vocabulary().encode("?" * 40),
    "a longer text": lambda: Vocabulary().encode("?" * 41),
    "an index": lambda: Vocabulary().decode([0, 27]),
    "no words": lambda: build_split([], Vocabulary()),
    "no context": lambda: build_split(["a"], Vocabulary(), block_size=0),
    "five names": lambda: load_dataset(Names(("ab",) * 5, "made up", "")),
    "embedding of floats": lambda: Embedding(3, 2, generator=g())(torch.ones(1)),
    "embedding of others": lambda: Embedding(3, 2, generator=g())(torch.tensor([1, 7])),
    "embedding of no size": lambda: Embedding(0, 2, generator=g()),
    "flatten": lambda: Flatten()(torch.ones(2, 3)),
    "gain and std": lambda: Linear(2, 3, gain=2.0, weight_std=1.0, generator=g()),
    "std of no bias": lambda: Linear(2, 3, bias=False, bias_std=1.0, generator=g()),
    "negative std": lambda: Linear(2, 3, weight_std=-1.0, generator=g()),
    "features of linear": lambda: Linear(2, 3, generator=g())(torch.ones(4, 5)),
    "infinite std": lambda: gaussian_rms(torch.tanh, torch.inf),
    "eps": lambda: BatchNorm1d(2, eps=-1.0),
    "momentum": lambda: BatchNorm1d(2, momentum=2.0),
    "convention": lambda: BatchNorm1d(2, convention="other"),  # pyright: ignore
    "features of norm": lambda: RMSNorm(2)(torch.ones(3, 4)),
    "one row": lambda: BatchNorm1d(2)(torch.ones(1, 2)),
    "ghosts of one": lambda: GhostBatchNorm1d(2, ghost_size=1),
    "ghosts that do not fit": lambda: GhostBatchNorm1d(2, ghost_size=3)(torch.ones(4, 2)),
    "groups": lambda: GroupNorm(5, num_groups=2),
    "branch": lambda: Residual(Linear(2, 3, generator=g()))(torch.ones(1, 2)),
    "batch norm twice": lambda: deep(batch_norm="before", norm="layer"),
    "place of batch norm": lambda: deep(batch_norm="beside"),
    "place of norm": lambda: deep(norm="layer", norm_position="beside"),
    "norm": lambda: deep(norm="other"),
    "settings of no norm": lambda: deep(norm_options={"eps": 1.0}),
    "gamma of no norm": lambda: deep(gamma=0.5),
    "gamma": lambda: deep(norm="layer", gamma=-1.0),
    "layers": lambda: deep(n_linear=0),
    "function of a spec": lambda: NetSpec("cnn", {}),
    "stage of a spec": lambda: NetSpec("mlp", {"stage": "first"}).build(generator=g()),
    "class in a spec": lambda: NetSpec("deep_mlp", {"nonlinearity": nn.GELU}).to_json(),
    "spec of nothing": lambda: NetSpec.from_json({"function": "mlp"}),
    "steps": lambda: TrainConfig(max_steps=0),
    "step of decay": lambda: TrainConfig(lr_decay_step=-1),
    "rate": lambda: TrainConfig(lr=torch.inf),
    "optimizer": lambda: TrainConfig(optimizer="lion"),  # pyright: ignore
    "blocks": lambda: History([1.0, 2.0]).block_means(3),
    "nothing to train on": lambda: train(net(), EMPTY, generator=g()),
    "diverged": lambda: train(
        changed("output.bias", nn.Parameter(torch.full((27,), torch.nan))), SPLIT, generator=g()
    ),
    "loss of nothing": lambda: split_loss(net(), EMPTY),
    "Adam that goes on": lambda: list(
        steps(net(), SPLIT, TrainConfig(optimizer="adam"), generator=g(), first=3)
    ),
    "split": lambda: evaluate(net(), dataset(), ["all"]),
    "every": lambda: train_resumably(net(), SPLIT, generator=g(), checkpoint="x", every=0),
    "checkpoint of Adam": lambda: train_resumably(
        net(), SPLIT, TrainConfig(optimizer="adam"), generator=g(), checkpoint="x"
    ),
    "checkpoint of another net": lambda: train_resumably(
        net(), SPLIT, generator=g(), checkpoint="x", spec=NetSpec("mlp", {"stage": KAIMING})
    ),
    "checkpoint of another run": lambda: several(resumed, lambda: resumed(lr=0.2)),
    "checkpoint of more steps": lambda: several(lambda: resumed(max_steps=2), resumed),
    "checkpoint of nothing": lambda: load_checkpoint(written("")),
    "checkpoint of text": lambda: load_checkpoint(written("remember the milk")),
    "checkpoint cut off": lambda: load_checkpoint(written(b"PK and no more")),
    "checkpoint of notes": lambda: load_checkpoint(archive()),
    "checkpoint of numbers": lambda: load_checkpoint(saved([1])),
    "checkpoint of another format": lambda: load_checkpoint(saved({"format": "x" * 41})),
    "checkpoint of weights": lambda: load_checkpoint(saved(nn.Linear(2, 3).state_dict())),
    "checkpoint of a model": lambda: load_checkpoint(saved(nn.Sequential(nn.Linear(2, 3)))),
    "samples": lambda: sample_names(net(), Vocabulary(), -1, generator=g()),
    "images": lambda: Bottleneck(4, 1, generator=g())(torch.ones(2, 3)),
    "folding in training": lambda: fold_batchnorm(nn.Sequential(nn.BatchNorm1d(2))),
    "nothing to fold into": lambda: fold_batchnorm(nn.Sequential(nn.BatchNorm1d(2)).eval()),
    "no running statistics": lambda: fold_batchnorm(
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval()
    ),
    "folding what is used twice": lambda: fold_batchnorm(
        same(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))).eval()
    ),
    "fast generators": lambda: fast(generators=[]),
    "fast nothing": lambda: fast(split=EMPTY),
    "fast method": lambda: fast(method="quick"),
    "fast generator twice": lambda: fast(models=[net(), net()], generators=[g()] * 2),
    "fast order": lambda: take_apart(nn.Sequential(Tanh(), nn.GELU())),
    "fast floats": lambda: fast(split=Split(SPLIT.x, SPLIT.y.float())),
    "fast context": lambda: fast(split=build_split(["ab"], Vocabulary(), block_size=4)),
    "fast index": lambda: fast(split=Split(SPLIT.x + 20, SPLIT.y)),
    "fast shape of another": lambda: take_apart(
        changed("output.bias", nn.Parameter(torch.ones(5)))
    ),
    "fast dtype": lambda: take_apart(changed("hidden.bias", nn.Parameter(torch.ones(5).double()))),
    "fast half": lambda: take_apart(net().half()),
    "fast frozen": lambda: take_apart(net().requires_grad_(False)),
    "fast method of a layer": lambda: take_apart(changed("tanh.forward", torch.relu)),
    "fast shape": lambda: take_apart(changed("hidden.bias", nn.Parameter(torch.ones(4)))),
    "fast table": lambda: take_apart(
        changed("embedding.weight", nn.Parameter(torch.ones(27, 10, 1)))
    ),
    "fast ghosts": lambda: fast(
        models=[deep(norm="ghost", norm_options={"ghost_size": 5}, n_hidden=4)]
    ),
    "fast autocast": lambda: within(torch.autocast("cpu", torch.bfloat16), fast),
    "hidden activations": lambda: loud(),
    "threshold": lambda: loud(threshold=1.0),
    "rows of saturation": lambda: saturation(torch.ones(2)),
    "rows of dead units": lambda: dead_units(torch.tanh, torch.ones(0, 2)),
    "not elementwise": lambda: local_gradient(lambda x: x.sum(), torch.ones(2)),
    "layers of a model": lambda: recorded("2"),
    "output of a layer": a_tuple,
    "gradient of a layer": without_gradient,
    "empty output": lambda: activation_stats(nn.Linear(2, 2), torch.ones(0, 2)),
    "gradient that is none": lambda: gradient_stats(
        nn.Linear(2, 2), torch.ones(1, 2), torch.ones(1), loss=lambda out, _: out.sum() * torch.nan
    ),
    "axes of parameters": lambda: parameter_stats(nn.Linear(2, 2), min_ndim=3),
    "gradient of a parameter": lambda: parameter_stats(nn.Linear(2, 2)),
    "steps of ratios": lambda: UpdateRatios().mean(),
    "batch of check": lambda: check(net(), (1, 2, 3), nn.MSELoss()),  # pyright: ignore
    "loss of check": lambda: check(nn.Tanh(), (torch.ones(2), 0), lambda out, _: out),
    "lazy layers": lambda: check(nn.LazyLinear(2), (torch.ones(2, 2), 0), nn.MSELoss()),
    "every of a monitor": lambda: Monitor(net(), torch.optim.SGD(net().parameters()), every=0),
    "optimizer of a monitor": lambda: Monitor(net(), torch.optim.SGD(net().parameters())).start(),
    "report of a monitor": lambda: Monitor(net(), torch.optim.SGD(net().parameters())).report(),
    "start of a monitor": started_twice,
    "level of a report": lambda: report().raise_for("bad"),  # pyright: ignore
    "file of a setup": lambda: load_setup("mine.py"),
    "ending of a setup": lambda: load_setup(f"{written('', 'mine.txt')}:setup"),
    "no function of a setup": lambda: load_setup(setup("a = 1")),
    "function of a setup": lambda: load_setup(setup("def a(): ...\n\nb = a")),
    "a setup of nothing": lambda: load_setup(setup("def setup(): ...")),
    "parts of a setup": lambda: load_setup(setup("def setup(): return 1, 2.0")),
    "no seeds": lambda: seeds(0),
    "seed twice": lambda: sweep([], [1, 1], dataset(), Path("x")),
    "method of a cluster": lambda: sweep(
        [], [1], dataset(), Path("x"), method="stacked", scheduler="tcp://x"
    ),
    "runs of another record": lambda: several(lambda: swept("a"), lambda: swept("a", lr=0.2)),
    "record of another format": lambda: read_results(written('{"format":"makemore3 sweep 1"}')),
    "record of other parts": lambda: read_results(
        written(record().read_text().replace('"shared":{}', '"shared":1'))
    ),
    "record of nothing": lambda: read_results(record()),
    "record that another writes": held_twice,
    "line of a record": lambda: read_results(record('["a",1,"w",2.0]')),
    "loss of a record": lambda: read_results(record('["a",1,"w",2.0,NaN]')),
    "variant of a record": lambda: read_results(record('["b",1,"w",2.0,2.0]')),
    "two results of a run": lambda: read_results(
        record('["a",1,"w",2.0,2.0]', '["a",1,"w",2.0,3.0]')
    ),
    "rounds of a measurement": lambda: bench(dataset(), rounds=0),
    "record of speed": lambda: read_speed(written("{}")),
    "rounds of costs": lambda: measure({"mlp": 0}),
    "record of costs": lambda: read_costs(written("{}")),
    "names of other examples": lambda: error_over_names(net(), net(), ["ab"], SPLIT),
    "name of a variant": lambda: Variant("a b", NetSpec("mlp", {})),
    "no values": lambda: low_to_high([]),
    "empty branch": lambda: figures.plot_residual_block([]),
    "shapes": lambda: figures.plot_broadcast((2, 3), (3, 3)),
    "indices": lambda: figures.plot_lookup([0, 3], "ab", rows=3, n_embd=2),
    "names of indices": lambda: figures.plot_lookup([0], "ab", rows=3, n_embd=2),
    "probabilities": lambda: figures.plot_probabilities({"a": torch.ones(2)}),
    "sum of probabilities": lambda: figures.plot_probabilities(
        {"a": torch.tensor([0.25, 0.75011])}
    ),
    "negative probabilities": lambda: figures.plot_probabilities({"a": torch.tensor([1.5, -0.5])}),
    "names of classes": lambda: figures.plot_probabilities({"a": torch.ones(1)}, classes="ab"),
    "histogram": lambda: figures.plot_histogram(torch.tensor([torch.nan, 1.0])),
    "densities": lambda: figures.plot_densities({"a": torch.tensor([torch.nan])}, xlabel="x"),
    "densities without extent": lambda: figures.plot_densities({"a": torch.zeros(2)}, xlabel="x"),
    "draws": lambda: figures.plot_draws({"a": []}, ylabel="y"),
    "numbers by layer": lambda: figures.plot_by_layer({"a": [0.0]}, ylabel="y"),
    "negative by layer": lambda: figures.plot_by_layer(
        {"a": [-1.0]}, ylabel="y", logarithmic=False
    ),
    "stairs": lambda: figures.plot_cobweb(
        {"a": lambda x: 3 * x}, start=0.5, steps=1, limit=1.0, label="x"
    ),
    "no ratios": lambda: figures.plot_update_ratios(UpdateRatios()),
    "infinite ratios": lambda: figures.plot_update_ratios(ratios(-1.0, -torch.inf)),
    "report of no numbers": lambda: figures.plot_report(report(torch.nan)),
    "few batches": lambda: figures.plot_running({"a": [1.0]}, 1.0, every=2, ylabel="y"),
    "no steps": lambda: figures.plot_loss(History([])),
    "scales": lambda: figures.plot_loss_against_scale([0.0], [1.0], uniform_loss=1.0),
    "results": lambda: figures.plot_sweep({"a": {1.0: []}}, xlabel="x", ylabel="y"),
    "interval": lambda: figures.plot_intervals(
        {"a": {1.0: (2.0, 1.0, 3.0)}}, xlabel="x", ylabel="y"
    ),
    "roof": lambda: figures.plot_roofline({}, peak=0.0, bandwidth=1.0),
}


def said(name: str) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the file says which
        REFUSED[name]()
    return f"{name} | {raised.type.__name__}: {raised.value}"


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_bad_input_is_answered_to_the_letter(
    as_written: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meant otherwise? Read the new message aloud."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # of which a setup makes use
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    as_written("messages.txt", "\n\n".join(map(said, REFUSED)) + "\n")
