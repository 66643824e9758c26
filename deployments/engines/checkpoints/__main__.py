"""`python -m deployments.engines.checkpoints`: build and measure the demos, distil, and quantise."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from deployments.engines.checkpoints.builds import make
from deployments.engines.checkpoints.progress import CheckpointError, Report
from deployments.engines.checkpoints.recipe import Recipe
from deployments.engines.checkpoints.schemes import SCHEMES
from deployments.engines.checkpoints.store import DEMOS, cache_directory, demo_name, locate

REPORTED = tuple(name for name in DEMOS if "-" not in name)  # `tercet quantize` measures the quantised ones


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when done, 1 with one sentence on what a user can change, 2 on usage."""
    given = _parser().parse_args(arguments)
    os.environ.setdefault("TQDM_DISABLE", "1")  # before anything imports tqdm: its bars are no lines of progress
    try:
        given.run(given, _progress(time.monotonic))
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    return 0


def _build(given: argparse.Namespace, report: Report) -> None:
    make(given.name, given.cache, report)


def _report(given: argparse.Namespace, report: Report) -> None:
    parts = {name: make(name, given.cache, report) for name in dict.fromkeys(("dense", given.name))}
    import_module("deployments.engines.checkpoints.models").quieten()
    _print(import_module("deployments.engines.checkpoints.publish").measured(given.name, parts, report))


def _distill(given: argparse.Namespace, report: Report) -> None:
    recipe = Recipe(**{name: getattr(given, name) for name in Recipe.__slots__})
    teacher = locate(given.teacher, given.cache)
    path = str(make(demo_name(given.teacher), given.cache, report)) if teacher.buildable else teacher.path
    import_module("deployments.engines.checkpoints.models").quieten()
    command = import_module("deployments.engines.checkpoints.distill")
    order = command.Order(
        teacher=path, name=given.teacher, drop_layers=given.drop_layers, out=given.out, data=given.data, recipe=recipe
    )
    _print(command.distill(order, report))


def _quantize(given: argparse.Namespace, report: Report) -> None:
    found = locate(given.source, given.cache)
    path = str(make(demo_name(given.source), given.cache, report)) if found.buildable else found.path
    import_module("deployments.engines.checkpoints.models").quieten()
    command = import_module("deployments.engines.checkpoints.quantize")
    order = command.Order(name=given.source, source=path, scheme=given.scheme, out=given.out, speed=given.speed)
    figures = command.quantize(order, report)
    report(f"serve it with `source: {given.out}`")
    _print(figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.engines.checkpoints", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for verb, run, names in (("build", _build, DEMOS), ("report", _report, REPORTED)):
        command = commands.add_parser(verb)
        command.add_argument("name", choices=names)
        command.set_defaults(run=run)
        _with_cache(command)
    distill = commands.add_parser("distill")
    distill.add_argument("teacher")
    distill.add_argument("--drop-layers", type=int, required=True)
    distill.add_argument("--out", type=Path, required=True)
    distill.add_argument("--data", type=Path)
    for name, kind in (("steps", int), ("batch", int), ("rank", int), ("learning-rate", float), ("seed", int)):
        distill.add_argument(f"--{name}", type=kind, default=getattr(Recipe(), name.replace("-", "_")))
    distill.set_defaults(run=_distill)
    _with_cache(distill)
    quantize = commands.add_parser("quantize")
    quantize.add_argument("source")
    quantize.add_argument("--scheme", choices=SCHEMES, required=True)
    quantize.add_argument("--out", type=Path, required=True)
    quantize.add_argument("--speed", action=argparse.BooleanOptionalAction, default=True)
    quantize.set_defaults(run=_quantize)
    _with_cache(quantize)
    return parser


def _with_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument("--cache", type=Path, default=cache_directory())


def _progress(clock: Callable[[], float]) -> Report:
    began_s = clock()

    def report(line: str) -> None:
        print(f"[{clock() - began_s:5.0f} s] {line}", flush=True)  # noqa: T201 - a command line

    return report


def _print(figures: dict[str, Any]) -> None:
    print(json.dumps(figures, indent=2, ensure_ascii=False), flush=True)  # noqa: T201 - a command line


if __name__ == "__main__":
    sys.exit(main())
