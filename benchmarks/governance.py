"""What does all of governance cost together? ``python -m benchmarks.governance``.

The same synthetic engine is served twice by ``tercet serve``: once with nothing, once with keys, limits, a budget, an
answer cache that has nothing, guards with 100,000 words, personal data masked in both directions and an audit trail.
Both are asked over HTTP in turns. Prints the added time to the first token and what is left of the throughput, and
writes ``results/governance.json``. ``--real`` puts the demo model on vLLM behind both and writes
``results/governance_real.json``; ``--bare`` has gateways and engines as bare processes instead: a first look.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import msgspec
import typer
import yaml

from benchmarks.added_ttft import AddedTtft, added_ttft
from benchmarks.contenders.places import product_prefix, product_python, scratch_directory
from benchmarks.contenders.server import Launch, Server, free_port
from benchmarks.contenders.synthetic import SPEC
from benchmarks.gateways.processes import engines, tell
from benchmarks.gateways.stores import new_keys
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.rounds import Point, Record, awake, lined_up, rounds
from benchmarks.setup import facts, utc_now
from benchmarks.spread import ratios, spread

BARE, GOVERNED = "nothing", "all of it"
TENANT, PLENTY = "acme", 10**8
WORDS = 100_000
POINTS = (Point(streams=32, answers=3), Point(streams=128, answers=3))
REAL_POINTS = (Point(streams=8, answers=2), Point(streams=32, answers=1))
TTFT_GOAL_MS, THROUGHPUT_GOAL = 5.0, 0.9
POOL: Mapping[str, Any] = {
    "family": "dense", "source": "none/needed", "runtime": "synthetic", "synthetic": SPEC.model_dump(mode="json"),
    "replicas": {"min": 1, "max": 1}, "max_waiting": 1024,
}  # fmt: skip
REAL_POOL: Mapping[str, Any] = {
    "family": "dense", "source": "demo/dense", "engine": {"max_num_seqs": 32}, "replicas": {"min": 1, "max": 1},
    "max_waiting": 1024,
}  # fmt: skip


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second at so many streams, medians over rounds, and the ratio within a round with its range."""

    streams: int
    bare_tok_s: float
    governed_tok_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    bare_cpu_s_per_1000: float
    governed_cpu_s_per_1000: float
    failed: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; ``ttft`` has *nothing* for its base."""

    at: str
    setup: dict[str, str]
    ttft: AddedTtft
    throughput: list[Throughput]


def graph(words: Path) -> dict[str, Any]:
    """Return every kind of guard that looks while an answer streams, in front of an engine behind a cache."""
    listed = {"words_file": str(words)}
    pattern = {"patterns": [r"(?i:internal use only|\bproject [a-z]{3}\d{4}\b)"], "action": "mask"}
    return {
        "dense": {"guard": "sealed", "input": [{"injection": True}, listed], "output": [listed, pattern]},
        "sealed": {"redact": "private", "direction": "output"},
        "private": {"redact": "known", "direction": "input"},
        "known": {"cache": "engine"},
    }


def governed(folder: Path, pool: Mapping[str, Any] = POOL) -> dict[str, Any]:
    """Return a document with all of it around *pool*; the node that is asked has the name of the other's pool."""
    limits = {
        "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY, "concurrent": PLENTY, "calls_per_day": PLENTY,
        "budgets": [{"tokens": PLENTY, "per": "month"}, {"cost": 1e6, "per": "month"}],
    }  # fmt: skip
    return {
        "models": {"engine": {**pool, "price": {"input_per_million": 0.1, "output_per_million": 0.4}}},
        "graph": graph(_word_list(folder)),
        "default": "dense",
        "audit": {"enabled": True, "folder": str(folder / "audit")},
        "access": {"store": {"sqlite": str(folder / "accounts.sqlite")}},
        "tenants": {TENANT: {"limits": limits, "each_key": {"requests_per_minute": PLENTY}}},
    }


def _word_list(folder: Path) -> Path:
    draw, file = random.Random(1), folder / "words.txt"  # noqa: S311 - words, no secret
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = {"".join(draw.choices(letters, k=draw.randint(6, 14))) for _ in range(WORDS)}
    file.write_text("\n".join(sorted(words)))
    return file


@contextmanager
def without_ray(folder: Path) -> Iterator[list[Launch]]:
    """Run the engines, and yield how the gateways before them are started."""
    told, spec = governed(folder), SPEC.model_dump(mode="json")
    (key,) = asyncio.run(new_keys(told["access"], TENANT))
    told["models"] = {"engine": {"family": "dense", "price": told["models"]["engine"]["price"]}}
    with ExitStack() as stack:
        made = []
        for name, pool, settings in ((BARE, "dense", {"default": "dense"}), (GOVERNED, "engine", told)):
            (own := folder / pool).mkdir()
            stack.enter_context(engines({pool: spec}, own))
            tell(settings, own)
            command = [product_python(), "-m", "benchmarks.gateways.gateway", str(port := free_port()), str(own)]
            shown = key if name == GOVERNED else ""
            made.append(Launch(name=name, command=command, port=port, model="dense", key=shown))
        yield made


def launches(folder: Path, pool: Mapping[str, Any]) -> list[Launch]:
    """Return how both are started, around a *pool* each."""
    told = governed(folder, pool)
    (key,) = asyncio.run(new_keys(told["access"], TENANT))
    return [
        _launch(BARE, {"models": {"dense": dict(pool)}}, folder),
        _launch(GOVERNED, told, folder, key),
    ]


def _launch(name: str, document: Mapping[str, Any], folder: Path, key: str = "") -> Launch:
    port = free_port()
    file = folder / f"tercet-{port}.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(document))))
    command = [str(product_prefix() / "bin" / "tercet"), "serve", str(file), "--port", str(port)]
    return Launch(name=name, command=command, port=port, model="dense", key=key)


@contextmanager
def both(folder: Path, *, served: bool, pool: Mapping[str, Any]) -> Iterator[dict[str, Server]]:
    """Start both, each paused until its turn; raises KeyError where one did not start, which was said."""
    with ExitStack() as stack:
        how = launches(folder, pool) if served else stack.enter_context(without_ray(folder))
        servers = stack.enter_context(lined_up(how, folder, typer.echo))
        yield {name: servers[name] for name in (BARE, GOVERNED)}


def run(folder: Path, *, count: int, pairs: int, served: bool = True, real: bool = False) -> Cost:
    """Measure everything."""
    kind, points, pool = ("real", REAL_POINTS, REAL_POOL) if real else ("synthetic", POINTS, POOL)
    with both(folder, served=served, pool=pool) as servers:
        records = list(rounds(kind, servers, points, count=count, say=typer.echo))
        with awake(servers[BARE]) as base, awake(servers[GOVERNED]) as ours:
            ttft = added_ttft(base.launch.port, ours.launch.port, pairs=pairs, key=ours.launch.key)
    return Cost(at=utc_now(), setup=facts(), ttft=ttft, throughput=[_throughput(point, records) for point in points])


def _throughput(point: Point, records: list[Record]) -> Throughput:
    seen = {
        name: [one.figures for one in records if (one.contender, one.streams) == (name, point.streams)]
        for name in (BARE, GOVERNED)
    }
    ratio = spread(ratios([one.tok_s for one in seen[GOVERNED]], [one.tok_s for one in seen[BARE]]))
    return Throughput(
        streams=point.streams,
        bare_tok_s=median(one.tok_s for one in seen[BARE]),
        governed_tok_s=median(one.tok_s for one in seen[GOVERNED]),
        ratio=ratio.median, ratio_low=ratio.low, ratio_high=ratio.high,
        bare_cpu_s_per_1000=median(one.framework_per_1000 or 0.0 for one in seen[BARE]),
        governed_cpu_s_per_1000=median(one.framework_per_1000 or 0.0 for one in seen[GOVERNED]),
        failed=sum(one.failed for some in seen.values() for one in some),
    )  # fmt: skip


def sheets(found: Cost) -> list[Sheet]:
    """Return the tables."""
    rows = [
        [
            str(one.streams), f"{one.bare_tok_s:,.0f}", f"{one.governed_tok_s:,.0f}",
            f"{one.ratio:.3f} ({one.ratio_low:.3f}–{one.ratio_high:.3f})",
            f"{one.bare_cpu_s_per_1000:.3f}", f"{one.governed_cpu_s_per_1000:.3f}", str(one.failed),
        ]
        for one in found.throughput
    ]  # fmt: skip
    head = ["streams", "nothing, tok/s", "all of it", "ratio", "CPU-s/1,000", "all of it", "failed"]
    ttft = found.ttft
    added = [
        str(ttft.pairs), f"{ttft.base_p50_ms:.1f} ms", f"{ttft.ours_p50_ms:.1f} ms", f"{ttft.added_p50_ms:+.2f} ms",
        f"{ttft.low_ms:.2f}–{ttft.high_ms:.2f}",
    ]  # fmt: skip
    return [
        Sheet("All of governance against nothing: throughput", head, rows),
        Sheet("Added time to the first token", ["pairs", "nothing", "all of it", "added", "95 % interval"], [added]),
    ]


def main(
    *,
    count: Annotated[int, typer.Option("--rounds", help="How often both are measured at every point.")] = 7,
    pairs: Annotated[int, typer.Option(help="Pairs of requests for the time to the first token.")] = 200,
    bare: Annotated[bool, typer.Option(help="Without Ray and HAProxy; write nothing.")] = False,
    real: Annotated[bool, typer.Option(help="The demo model on vLLM behind both.")] = False,
) -> None:
    """Measure, print and keep it."""
    if bare and real:
        raise typer.BadParameter("--bare has synthetic engines only", param_hint="--real")
    with scratch_directory() as folder:
        found = run(folder, count=count, pairs=pairs, served=not bare, real=real)
    show_sheets(sheets(found))
    typer.echo(f"wanted: {TTFT_GOAL_MS:g} ms at most, and a ratio of at least {THROUGHPUT_GOAL:g}")
    if not bare:
        file = FOLDER / ("governance_real.json" if real else "governance.json")
        file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    typer.run(main)
