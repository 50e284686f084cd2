"""`python -m makemore3`: train, sample, reproduce, sweep, bench, playground, check."""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from makemore3.data import Vocabulary, load_dataset
from makemore3.diagnostics import LEVELS, Unhealthy, check, load_setup
from makemore3.keep import CheckpointError, load_checkpoint, train_resumably
from makemore3.lab.bench import Timing, bench
from makemore3.lab.playground import bake
from makemore3.lab.published import PUBLISHED
from makemore3.lab.records import Result
from makemore3.lab.reproduce import LONG_RUNS, Comparison, compare, table
from makemore3.lab.sweeps import seeds, sweep
from makemore3.lab.variants import SWEEPS
from makemore3.models import LECTURE_SEED, STAGES, NetSpec, parameter_count
from makemore3.sampling import SAMPLING_SEED, sample_names
from makemore3.training import TrainConfig, evaluate, train


def main(arguments: Sequence[str] | None = None) -> int:
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

    command = commands.add_parser(
        "sweep", help="train variants with many seeds; started again, it goes on where it stopped"
    )
    command.add_argument("name", choices=SWEEPS, help="which variants")
    command.add_argument(
        "--record", type=Path, metavar="FILE", required=True, help="file that gets a line a run"
    )
    command.add_argument("--seeds", type=int, default=16, help="default: 16")
    command.add_argument("--steps", type=int, help="default: each variant's own; its decay stays")
    command.add_argument(
        "--distinct", action="store_true", help="split so that no name is in two splits"
    )
    command.add_argument("--scheduler", metavar="ADDRESS", help="let this Dask cluster do the runs")
    command.set_defaults(command=_sweep)

    command = commands.add_parser("bench", help="time every way to train (a minute)")
    command.add_argument("--rounds", type=int, default=5, help="turns of each; default: 5")
    command.add_argument("--seconds", type=float, default=0.5, help="of a turn; default: 0.5")
    command.add_argument("--record", type=Path, help="file for all that was measured, as JSON")
    command.set_defaults(command=_bench)

    command = commands.add_parser("playground", help="write what the playground's page needs")
    command.add_argument("folder", type=Path, help="docs/assets/playground")
    command.set_defaults(command=_playground)

    command = commands.add_parser(
        "check", help="diagnose a network of yours; exit status 1 if there is a problem"
    )
    command.add_argument(
        "place", metavar="FILE:FUNCTION", help="a function: (model, (inputs, targets), loss_fn)"
    )
    command.add_argument("--html", type=Path, metavar="FILE", help="write the report there, too")
    command.add_argument(
        "--fail-on", choices=LEVELS, default="problem", help="for exit status 1; default: problem"
    )
    command.set_defaults(command=_check)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"expected a whole number below 2**64, got {text!r}")
    return int(text)


def _train(options: argparse.Namespace) -> int:
    dataset = load_dataset()
    generator = torch.Generator().manual_seed(options.seed)
    spec = NetSpec("mlp", {"stage": STAGES[options.stage]})
    model = spec.build(generator=generator)
    config = TrainConfig(max_steps=options.steps)
    run = (model, dataset.train, config)
    if options.checkpoint is None:
        train(*run, generator=generator)
    else:
        train_resumably(*run, generator=generator, checkpoint=options.checkpoint, spec=spec)
    losses = evaluate(model, dataset)
    print(
        f"{options.stage}, {parameter_count(model):,} parameters, {options.steps:,} steps: "
        f"train loss {losses['train']:.4f}, dev loss {losses['dev']:.4f} nats per character"
    )
    return 0


def _sample(options: argparse.Namespace) -> int:
    checkpoint = load_checkpoint(options.checkpoint)
    if (spec := checkpoint.spec) is None:
        raise CheckpointError(
            f"{options.checkpoint} does not say how its net is built, since it was trained without "
            "a spec: build the net in Python, and sample it with makemore3.sampling"
        )
    model = spec.build(generator=torch.Generator())
    model.load_state_dict(checkpoint.model)
    generator = torch.Generator().manual_seed(options.seed)
    block_size = spec.arguments.get("block_size", 3)
    for name in sample_names(
        model, Vocabulary(), options.count, block_size=block_size, generator=generator
    ):
        print(name)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    dataset = load_dataset()
    if not dataset.names.from_lecture:
        raise ValueError(
            "the published numbers belong to the lecture's names, but the corpus in use is "
            f"{dataset.names.source}: set MAKEMORE_NAMES to a copy of the lecture's names.txt"
        )
    comparisons: list[Comparison] = []

    def measured() -> Iterator[Comparison]:
        for comparison in compare(dataset, quick=options.quick):
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


def _sweep(options: argparse.Namespace) -> int:
    variants = SWEEPS[options.name]
    results = sweep(
        variants,
        seeds(options.seeds),
        load_dataset(distinct=options.distinct),
        options.record,
        max_steps=options.steps,
        scheduler=options.scheduler,
    )
    for line in sweep_table([variant.name for variant in variants], results):
        print(line)
    return 0


def sweep_table(variants: Sequence[str], results: Sequence[Result]) -> Iterator[str]:
    """Yield a line for each variant: its number of runs, mean and deviation for each split.

    Runs that diverged are left out of the numbers, and named below.
    """
    width = max(28, *map(len, variants))
    yield f"{'mean and standard deviation':{width}}{'runs':>5}{'train':>16}{'dev':>16}{'test':>16}"
    for variant in variants:
        whole = [r.losses for r in results if r.variant == variant and r.failure is None]
        line = f"{variant:{width}}{len(whole):>5}"
        for split in ("train", "dev", "test") if whole else ():
            losses = [run[split] for run in whole]
            deviation = f"{statistics.stdev(losses):.4f}" if len(losses) > 1 else "-"
            line += f"{statistics.mean(losses):>9.4f} {deviation:>6}"
        yield line
    for result in results:
        if result.failure is not None:
            yield f"{result.variant}, seed {result.seed}: {result.failure}"


def _bench(options: argparse.Namespace) -> int:
    if options.record is not None and not options.record.parent.is_dir():
        raise ValueError(
            f"--record needs a folder that exists, got {options.record}: make it first"
        )
    speed = bench(load_dataset(), rounds=options.rounds, seconds=options.seconds)
    for line in bench_table(speed.timings):
        print(line)
    if options.record is not None:
        speed.write(options.record)
    return 0


def bench_table(timings: Sequence[Timing]) -> Iterator[str]:
    """Yield a line for each way to train: steps per second, ratio to the first, largest error."""
    net = "the batch-norm net, one hidden layer"
    yield f"{net:<36}{'steps/s':>10}{'ratio':>8}  loss differs by"
    for timing in timings:
        yield (
            f"{timing.method:<36}{timing.rate:>10,.0f}{timing.ratio:>8.1f}  {timing.difference:.1e}"
        )


def _playground(options: argparse.Namespace) -> int:
    bake(options.folder)
    return 0


def _check(options: argparse.Namespace) -> int:
    report = check(*load_setup(options.place))
    print(report)
    if options.html is not None:
        report.write_html(options.html)
    try:
        report.raise_for(options.fail_on)
    except Unhealthy:
        return 1
    return 0
