"""What a graph would have done with recorded requests, as far as the first choice of every node goes.

Whether a pool would have been full or broken is not in a record: where the recorded answer came after a failure, the
two paths differ by that failure, and such requests are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cluster.figures import Known, Speed
from cluster.price import Price, cost
from deployments.errors import UnknownModel
from deployments.graph.explain import explain
from deployments.graph.spec import Graph
from deployments.request import Context, Request
from deployments.telemetry.records import Record

MOST_PATHS = 1000
OTHERS = ("others", "others")


@dataclass(slots=True)
class Move:
    """The requests of one entry that one model answered and another would answer now."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    duration_s: float = 0.0
    ttft_s: float = 0.0
    with_ttft: int = 0

    def take(self, record: Record) -> None:
        """Add one record."""
        self.requests += 1
        self.prompt_tokens += record.prompt_tokens or 0
        self.completion_tokens += record.completion_tokens
        self.duration_s += record.duration_s
        if record.ttft_s is not None:
            self.ttft_s += record.ttft_s
            self.with_ttft += 1


@dataclass(slots=True)
class Replay:
    """What became of every record; ``moves`` are by entry, old model and new model, ``paths`` by old and new path."""

    replayed: int = 0
    without_body: int = 0
    mirrored: int = 0
    unknown_entry: Counter[str] = field(default_factory=Counter)
    after_failure: int = 0
    changed_path: int = 0
    changed_model: int = 0
    moves: dict[tuple[str, str, str], Move] = field(default_factory=dict)
    paths: Counter[tuple[str, str]] = field(default_factory=Counter)
    speeds: dict[str, Speed] = field(default_factory=dict)


def replayed(records: Iterable[Record], graph: Graph, default: str, models: Collection[str]) -> Replay:
    """Send every recorded request with a body through *graph*; takes memory for kinds of change, not for records."""
    done = Replay()
    for record in records:
        if record.model:
            done.speeds.setdefault(record.model, Speed()).take(record)
        if record.kind != "request":
            done.mirrored += 1
        elif record.body is None:
            done.without_body += 1
        else:
            _replay(record, done, graph, default, models)
    return done


def _replay(record: Record, done: Replay, graph: Graph, default: str, models: Collection[str]) -> None:
    request, context = _asked(record)
    try:
        path = explain(graph, default, models, request, context).path
    except UnknownModel:
        done.unknown_entry[record.entry if len(done.unknown_entry) < MOST_PATHS else OTHERS[0]] += 1
        return
    done.replayed += 1
    done.after_failure += any("!" in name for name in record.path)
    done.moves.setdefault((record.entry, record.model, path[-1]), Move()).take(record)
    done.changed_model += record.model != path[-1]
    old = tuple(name for name in record.path if "!" not in name)
    if old != path:
        done.changed_path += 1
        pair = (">".join(old), ">".join(path))
        done.paths[pair if pair in done.paths or len(done.paths) < MOST_PATHS else OTHERS] += 1


def _asked(record: Record) -> tuple[Request, Context]:
    body = dict(record.body or {})
    request = Request(endpoint=record.endpoint, model=record.entry, body=body, stream=record.stream)
    context = Context(
        request_id=record.request_id,
        deadline_s=float("inf"),
        now=datetime.fromtimestamp(record.at_s, UTC),
        tenant=record.tenant,
        headers=record.headers,
    )
    return request, context


def outcome(done: Replay, prices: Mapping[str, Price], malformed: int) -> dict[str, Any]:
    """Return everything as plain JSON; an estimate that lacks a figure is None."""
    known = {model: speed.known() for model, speed in done.speeds.items()}
    return {
        "replayed": done.replayed,
        "without_body": done.without_body,
        "mirrored": done.mirrored,
        "malformed_lines": malformed,
        "unknown_entries": dict(done.unknown_entry),
        "answered_after_a_failure": done.after_failure,
        "changed_path": done.changed_path,
        "changed_model": done.changed_model,
        "moves": [
            _move(entry, old, new, move, known.get(new, Known()), prices)
            for (entry, old, new), move in sorted(done.moves.items(), key=lambda one: -one[1].requests)
        ],
        "paths": [{"old": old, "new": new, "requests": count} for (old, new), count in done.paths.most_common()],
    }


def _move(entry: str, old: str, new: str, move: Move, known: Known, prices: Mapping[str, Price]) -> dict[str, Any]:
    """Return one row; latencies are means, costs sums, of the new model's by its median speed at the same lengths."""
    mean_s = move.duration_s / move.requests
    expected_s = mean_s if old == new else known.duration_s(move.completion_tokens / move.requests)
    ttft_s = move.ttft_s / move.with_ttft if move.with_ttft else None
    return {
        "entry": entry,
        "old_model": old,
        "new_model": new,
        "requests": move.requests,
        "old_ttft_s": ttft_s,
        "new_ttft_s": ttft_s if old == new else known.ttft_s,
        "old_duration_s": mean_s,
        "new_duration_s": expected_s,
        "old_cost": _cost(prices.get(old), move),
        "new_cost": _cost(prices.get(new), move),
    }


def _cost(price: Price | None, move: Move) -> float | None:
    return None if price is None else cost(price, move.prompt_tokens, move.completion_tokens)
