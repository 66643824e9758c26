"""From kept sums to what everybody came to: grouped as asked, and the time in which pools did nothing spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar, get_args

from deployments.cost.book import Entry
from deployments.cost.lines import HOUR_S

Name = TypeVar("Name")
By = Literal["tenant", "model", "pool", "hour", "day"]
Idle = Literal["spread", "apart", "without"]
BYS: tuple[By, ...] = get_args(By)
NOBODY, SHADOW = "(idle)", "(shadow)"
_UNUSED = frozenset({"idle", "start"})
_USED = frozenset({"used", "shadow"})


@dataclass(slots=True, kw_only=True)
class Total:
    """What a group came to; of the devices' seconds, ``idle_gpu_seconds`` and ``idle_cpu_seconds`` had no work.

    ``seconds`` are those of replicas, ``machines`` what all these cost by the hour, by currency, and ``listed`` what
    the tokens are sold for.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    idle_gpu_seconds: float = 0.0
    idle_cpu_seconds: float = 0.0
    machines: dict[str, float] = field(default_factory=dict)
    listed: dict[str, float] = field(default_factory=dict)

    def used(self, entry: Entry, share: float = 1.0, *, idle: bool = False) -> None:
        """Add seconds of engines, or a *share* of them."""
        self.seconds += share * entry.sums.seconds
        self.gpu_seconds += share * entry.gpu_seconds
        self.cpu_seconds += share * entry.cpu_seconds
        if idle:
            self.idle_gpu_seconds += share * entry.gpu_seconds
            self.idle_cpu_seconds += share * entry.cpu_seconds
        if entry.key.currency:
            _add(self.machines, entry.key.currency, share * entry.sums.amount)

    def sold(self, entry: Entry) -> None:
        """Add tokens, and what they are sold for."""
        sums = entry.sums
        self.calls += sums.calls
        self.prompt_tokens += sums.prompt_tokens
        self.completion_tokens += sums.completion_tokens
        if entry.key.currency:
            _add(self.listed, entry.key.currency, sums.amount)


Group = tuple[str, ...]


def totals(entries: Iterable[Entry], by: Sequence[By], idle: Idle = "spread") -> dict[Group, Total]:
    """Return what each group came to, with the most seconds first.

    ``spread`` deals what a pool did nothing out to those who used it in the same hour, by their seconds; of an hour in
    which nobody did, to those who used it at all. What nobody ever used stays apart.
    """
    kept = list(entries)
    found: dict[Group, Total] = defaultdict(Total)
    for entry in kept:
        if entry.key.kind in _USED:
            found[_group(entry, by, _whose(entry), entry.key.model)].used(entry)
        elif entry.key.kind not in _UNUSED:
            found[_group(entry, by, _whose(entry), entry.key.model)].sold(entry)
    if idle != "without":
        shares = _shares(kept) if idle == "spread" else _apart
        for entry in kept:
            if entry.key.kind in _UNUSED:
                for tenant, model, share in shares(entry):
                    found[_group(entry, by, tenant, model)].used(entry, share, idle=True)
    return dict(sorted(found.items(), key=lambda item: (-item[1].seconds, item[0])))


def _whose(entry: Entry) -> str:
    return SHADOW if entry.key.kind in {"shadow", "listed-shadow"} else entry.key.tenant


def _group(entry: Entry, by: Sequence[By], tenant: str, model: str) -> Group:
    hour = datetime.fromtimestamp(entry.key.hour * HOUR_S, tz=UTC)
    told: Mapping[By, str] = {
        "tenant": tenant,
        "model": model,
        "pool": entry.key.pool,
        "hour": f"{hour:%Y-%m-%d %H}:00",
        "day": f"{hour:%Y-%m-%d}",
    }
    return tuple(told[one] for one in by)


def _apart(_: Entry) -> Iterator[tuple[str, str, float]]:
    yield NOBODY, NOBODY, 1.0


def _shares(kept: Iterable[Entry]) -> Callable[[Entry], Iterator[tuple[str, str, float]]]:
    """Return by whom, of which model and to what share a pool was used when another entry's time passed."""
    by_hour: dict[tuple[str, int], dict[tuple[str, str], float]] = defaultdict(dict)
    ever: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for entry in kept:
        if entry.key.kind in _USED and entry.sums.seconds > 0:
            who = (_whose(entry), entry.key.model)
            _add(by_hour[entry.key.pool, entry.key.hour], who, entry.sums.seconds)
            _add(ever[entry.key.pool], who, entry.sums.seconds)

    def shares(entry: Entry) -> Iterator[tuple[str, str, float]]:
        users = by_hour.get((entry.key.pool, entry.key.hour)) or ever.get(entry.key.pool)
        if not users:
            yield from _apart(entry)
            return
        whole = sum(users.values())
        yield from ((tenant, model, seconds / whole) for (tenant, model), seconds in users.items())

    return shares


def _add(into: dict[Name, float], key: Name, value: float) -> None:
    into[key] = into.get(key, 0.0) + value
