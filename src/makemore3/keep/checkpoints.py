"""Training that can be interrupted at any moment, and the file from which it goes on."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.files import written_whole
from makemore3.keep.identity import checkpoint_identity, differences
from makemore3.models import NetSpec
from makemore3.training import History, StepInfo, TrainConfig, progress_bar, steps

_FORMAT = "makemore3 checkpoint 2"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """All that the rest of a training run depends on, after `len(losses)` steps."""

    identity: dict[str, Any]
    """What makes it this run and no other: net, shapes, examples, seed, batch size, rates."""
    model: dict[str, Any]
    """The model's `state_dict`."""
    generator: Tensor
    """State of the generator that draws the minibatches."""
    losses: Tensor
    """Batch loss of every step so far, in nats; `(steps,)` float64."""

    @property
    def spec(self) -> NetSpec | None:
        """Which function builds the net, and with which arguments; None if nobody said so."""
        net = self.identity["net"]
        return None if isinstance(net, str) else NetSpec.from_json(net)


def train_resumably(
    model: nn.Module,
    split: Split,
    config: TrainConfig | None = None,
    *,
    generator: torch.Generator,
    checkpoint: str | Path,
    every: int = 10_000,
    spec: NetSpec | None = None,
    callback: Callable[[StepInfo], object] | None = None,
    progress: bool | None = None,
) -> History:
    """Train as `training.train` does, and keep a file from which an interrupted run goes on.

    Started again with the same arguments, the run continues from the file, and ends with the very
    numbers of an uninterrupted run. A larger `max_steps` continues a run that was complete.

    Args:
        model: From `(N, block_size)` indices to `(N, vocab_size)` logits.
        split: The examples that minibatches are drawn from.
        config: Steps, batch size, learning rate; the lecture's if None.
        generator: Source of the minibatches; where there is a file, its state is set from it.
        checkpoint: File to continue from where it exists, and to write.
        every: Steps from one writing to the next; the last step writes too.
        spec: How `model` was built. The file holds it, so that the net can be rebuilt from there.
            Without it, a net is told from others by the digest of its first weights.
        callback: Called after each update. After a resumption it sees the steps since the last
            writing again.
        progress: Whether to show a bar on stderr. None: for runs of over a second at a terminal.

    Raises:
        ValueError: If there are no examples, `every` is less than 1, `spec` builds another net
            than `model`, or the optimizer is Adam, whose moments are not in the file.
        CheckpointError: If the file is damaged, or belongs to another run. It stays as it is.
        OSError: If the file cannot be read or written; what it held before stays.
        FloatingPointError: If a loss is not a finite number.
    """
    config = config or TrainConfig()
    if every < 1:
        raise ValueError(f"train_resumably needs every of at least 1, got {every}")
    if config.optimizer != "sgd":
        raise ValueError(
            f"a checkpoint holds no state of {config.optimizer}: train with training.train, "
            "without a checkpoint"
        )
    path = Path(checkpoint)
    identity = checkpoint_identity(model, spec, split, config, generator)
    losses: list[float] = []

    def save() -> None:
        state = (identity, model.state_dict(), generator.get_state(), History(losses).tensor())
        save_checkpoint(path, Checkpoint(*state))

    if path.exists():
        found = load_checkpoint(path)
        _refuse_another_run(path, found, identity, config)
        model.load_state_dict(found.model)
        generator.set_state(found.generator)
        losses = found.losses.tolist()
    else:
        save()  # a place that cannot be written to shows now, not after hours

    rest = steps(model, split, config, generator=generator, first=len(losses))
    for info in progress_bar(rest, config, first=len(losses), shown=progress):
        losses.append(info.loss)
        if callback is not None:
            callback(info)
        if (info.step + 1) % every == 0 or info.step + 1 == config.max_steps:
            save()
    return History(losses)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole or not at all.

    Whatever interrupts it, `path` holds the checkpoint before or this one.

    Raises:
        OSError: If the file cannot be written.
    """
    content = io.BytesIO()
    torch.save({"format": _FORMAT, **asdict(checkpoint)}, content)
    with written_whole(path) as file:
        file.write(content.getbuffer())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, having checked every byte; code inside the file is never run.

    Raises:
        CheckpointError: If the file is cut off, damaged, or not a checkpoint of this package.
        OSError: If the file cannot be read.
    """
    raw = path.read_bytes()
    if not raw.startswith(b"PK"):  # torch.save writes zip archives
        start = f"begins with {raw[:12]!r}" if raw else "is empty"
        raise CheckpointError(
            f"{path} {start}, so it is no checkpoint of this package: {_ANOTHER_NAME}"
        )
    try:
        # torch.load reads past damaged bytes; the archive's checksums find them.
        if damaged := zipfile.ZipFile(io.BytesIO(raw)).testzip():
            raise zipfile.BadZipFile(f"wrong checksum in {damaged}")
    except Exception as error:  # whatever the reader meets in a file that is not whole
        raise CheckpointError(
            f"{path} is cut off or damaged ({error}): put a copy back, or {_ANOTHER_NAME}"
        ) from error
    try:
        content = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds
        raise CheckpointError(f"{path} {_what_else(raw)}") from error
    if isinstance(content, dict) and content.get("format") == _FORMAT:
        return Checkpoint(**{name: content[name] for name in content.keys() - {"format"}})
    raise CheckpointError(f"{path} {_what_else_with(content)}")


_ANOTHER_NAME = "give another file name to start from the first step"


def _what_else(raw: bytes) -> str:
    """Describe an undamaged archive that torch cannot read as plain tensors, and say what to do."""
    try:
        kinds = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(raw))
    except Exception:  # not a pickle inside
        kinds = []
    if not kinds:
        return f"is an archive, but no checkpoint of this package: {_ANOTHER_NAME}"
    return (
        f"holds Python objects ({', '.join(sorted(kinds)[:3])}), as torch.save(model) writes them, "
        f"and is no checkpoint of this package: {_ANOTHER_NAME}. It was not read, since reading "
        "it can run code. If it is your own: torch.load(file, weights_only=False) returns your "
        "model, and makemore3.sampling.sample_names samples it"
    )


def _what_else_with(content: object) -> str:
    """Describe the content of a torch file that is no checkpoint, and say what to do."""
    if isinstance(content, dict) and isinstance(written := content.get("format"), str):
        return (
            f"has the format {written[:40]!r}, expected {_FORMAT!r}: read it with the version of "
            f"this package that wrote it, or {_ANOTHER_NAME}"
        )
    if isinstance(content, dict) and all(isinstance(v, Tensor) for v in content.values()):
        return (
            f"holds weights alone (a state_dict of {len(content)} tensors), and is no checkpoint "
            f"of this package: {_ANOTHER_NAME}. To use the weights, build your model and call "
            "model.load_state_dict(torch.load(file))"
        )
    return (
        f"holds a {type(content).__name__}, and is no checkpoint of this package: {_ANOTHER_NAME}"
    )


def _refuse_another_run(
    path: Path, found: Checkpoint, identity: dict[str, Any], config: TrainConfig
) -> None:
    if changes := differences(found.identity, identity):
        raise CheckpointError(
            "\n".join([f"{path} is the checkpoint of another run:", *changes])
            + f"\n{_ANOTHER_NAME}, or the settings that the file was made with"
        )
    if len(found.losses) > config.max_steps:
        raise CheckpointError(
            f"{path} has {len(found.losses):,} steps behind it, more than max_steps = "
            f"{config.max_steps:,}: give another file name, or at least as many steps"
        )
