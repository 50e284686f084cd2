"""The commands `python -m makemore3 train | sample | reproduce`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from makemore3.checkpoint import CheckpointError, load_checkpoint
from makemore3.data import Vocabulary, load_dataset
from makemore3.models import LECTURE_SEED, STAGES, mlp, parameter_count
from makemore3.published import PUBLISHED
from makemore3.reproduce import LONG_RUNS, Comparison, compare, table
from makemore3.sampling import SAMPLING_SEED, sample_names
from makemore3.training import TrainConfig, describe_model, evaluate, train


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status: 1 for a number not reproduced, 2 for bad input."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)  # with more, sums round differently from machine to machine
    try:
        return options.command(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"makemore3: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("makemore3: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m makemore3", description="The lecture's MLP: train it, sample it, check it."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("train", help="train the net and print its losses")
    command.add_argument("--stage", choices=STAGES, default="softmax-fixed", help="how it starts")
    command.add_argument("--steps", type=int, default=200_000, help="default: 200,000")
    command.add_argument("--seed", type=_seed, default=LECTURE_SEED, help="default: the lecture's")
    command.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="continue from FILE if it exists; write it"
    )
    command.set_defaults(command=_train)

    command = commands.add_parser("sample", help="print names from a checkpoint of train")
    command.add_argument("--checkpoint", type=Path, metavar="FILE", required=True)
    command.add_argument("--count", type=int, default=20, help="default: 20")
    command.add_argument("--seed", type=_seed, default=SAMPLING_SEED, help="default: the lecture's")
    command.set_defaults(command=_sample)

    command = commands.add_parser(
        "reproduce", help="measure the published numbers; exit status 1 if one is not met"
    )
    command.add_argument(
        "--quick", action="store_true", help="leave out the runs of 200,000 steps (minutes)"
    )
    command.set_defaults(command=_reproduce)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"expected a whole number below 2**64, got {text!r}")
    return int(text)


def _train(options: argparse.Namespace) -> int:
    dataset = load_dataset()
    generator = torch.Generator().manual_seed(options.seed)
    model = mlp(STAGES[options.stage], generator=generator)
    config = TrainConfig(max_steps=options.steps)
    train(model, dataset.train, config, generator=generator, checkpoint=options.checkpoint)
    losses = evaluate(model, dataset)
    print(
        f"{options.stage}, {parameter_count(model):,} parameters, {options.steps:,} steps: "
        f"train loss {losses['train']:.4f}, dev loss {losses['dev']:.4f} nats per character"
    )
    return 0


def _sample(options: argparse.Namespace) -> int:
    checkpoint = load_checkpoint(options.checkpoint)
    models = [mlp(stage, generator=torch.Generator()) for stage in STAGES.values()]
    model = next((m for m in models if describe_model(m) == checkpoint.run["model"]), None)
    if model is None:
        raise CheckpointError(
            f"{options.checkpoint} holds no net of `python -m makemore3 train`, but "
            f"{checkpoint.run['model']}: sample it with makemore3.sampling"
        )
    model.load_state_dict(checkpoint.model)
    generator = torch.Generator().manual_seed(options.seed)
    for name in sample_names(model, Vocabulary(), options.count, generator=generator):
        print(name)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    comparisons: list[Comparison] = []

    def measured() -> Iterator[Comparison]:
        for comparison in compare(load_dataset(), quick=options.quick):
            comparisons.append(comparison)
            yield comparison

    for line in table(measured()):
        print(line, flush=True)
    met = sum(comparison.agrees for comparison in comparisons)
    print(f"{met} of {len(comparisons)} within their tolerance")
    if options.quick:
        print(
            f"left out (--quick): {len(PUBLISHED) - len(comparisons)}, of " + "; ".join(LONG_RUNS)
        )
    return 0 if met == len(comparisons) else 1
