"""Reports + Serve's replicas + now -> Fleet. Silence is kept as silence, never read as zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autoscale.capacity.profile import EngineLimits
from autoscale.demand import dealings, total
from autoscale.fleet import Fleet, Load, PoolFleet, ReplicaFleet, Slo
from autoscale.hardware import Inventory
from autoscale.heard import Heard, Reports, window
from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica
from autoscale.slo import merged
from deployments.signals import Histogram, ReplicaSignals, Stage, since
from deployments.totals import StepTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The moment to look from, how far back, and after how long a sender counts as silent; seconds.

    ``inventory`` is the hardware as last counted, ``brown_out`` the shares of requests that stand-ins are taking.
    """

    now_s: float
    window_s: float
    stale_after_s: float
    inventory: Inventory | None = None
    brown_out: Mapping[str, float] = field(default_factory=dict)

    def fresh(self, age_s: float | None) -> bool:
        """Tell whether something of this age still counts."""
        return age_s is not None and age_s <= self.stale_after_s


def build(settings: Iterable[PoolSettings], reports: Reports, served: Served, sight: Sight) -> Fleet:
    """Put together the fleet, of the pools that Serve knows."""
    pools = {one.name: _pool(one, reports, served, sight) for one in settings if one.name in served.pools}
    return Fleet(at_s=sight.now_s, pools=pools, inventory=sight.inventory)


def undeployed(settings: PoolSettings) -> PoolFleet:
    """Return a pool that is configured and that Serve does not know yet."""
    return PoolFleet(
        min_replicas=settings.min_replicas,
        max_replicas=settings.max_replicas,
        target=settings.initial_replicas,
        slots=settings.slots,
        slo=_slo(settings),
        blind=("not deployed yet",),
        hardware=settings.hardware,
        limits=settings.limits,
        profile=settings.profile,
        priority=settings.priority,
        stand_ins=settings.stand_ins,
    )


def _slo(settings: PoolSettings) -> Slo:
    return Slo(ttft_p95_s=settings.ttft_p95_s, tpot_p95_s=settings.tpot_p95_s, late=settings.late)


def _pool(settings: PoolSettings, reports: Reports, served: Served, sight: Sight) -> PoolFleet:
    pool = served.pools[settings.name]
    replicas = tuple(_replica(replica, reports, sight) for replica in pool.replicas)
    own = [reports.replicas[replica.replica] for replica in replicas if replica.replica in reports.replicas]
    gateways = [heard for heard in reports.gateways.values() if sight.fresh(sight.now_s - heard[-1].at_s)]
    parts = [dealings(heard, settings.name, sight.now_s, sight.window_s) for heard in gateways]
    limits = _limits(settings, own)
    return PoolFleet(
        min_replicas=settings.min_replicas,
        max_replicas=settings.max_replicas,
        target=pool.target,
        slots=limits.slots,
        slo=_slo(settings),
        replicas=replicas,
        demand=total(parts, reports.totals.get(settings.name)) if parts else None,
        ttft=merged(part.ttft for part in parts),
        ttft_window_s=sight.window_s,
        inter_token=merged(_inter_token(heard, sight) for heard in own),
        blind=(*_blind(replicas, reports, served, sight), *_recovering(pool)),
        hardware=settings.hardware,
        limits=limits,
        profile=settings.profile,
        priority=settings.priority,
        stand_ins=settings.stand_ins,
        brown_out=sight.brown_out.get(settings.name, 0.0),
    )


def _limits(settings: PoolSettings, own: Sequence[Sequence[Heard[ReplicaSignals]]]) -> EngineLimits:
    """Believe engines on their sizes, else what is configured, else what was measured before."""
    told = [heard[-1].signals for heard in own]
    known = settings.limits if settings.profile is None else _filled(settings.limits, settings.profile.limits)
    return replace(
        known,
        slots=max((one.slots for one in told), default=0) or known.slots or settings.slots,
        batched_tokens=max((one.batched_tokens for one in told), default=0) or known.batched_tokens,
        kv_tokens=max((one.kv_tokens for one in told), default=0) or known.kv_tokens,
    )


def _filled(limits: EngineLimits, measured: EngineLimits) -> EngineLimits:
    return replace(
        limits,
        slots=limits.slots or measured.slots,
        batched_tokens=limits.batched_tokens or measured.batched_tokens,
        kv_tokens=limits.kv_tokens or measured.kv_tokens,
    )


def _inter_token(heard: Sequence[Heard[ReplicaSignals]], sight: Sight) -> Histogram:
    newest, began = window(heard, sight.now_s, sight.window_s)
    return since(newest.inter_token, began.inter_token)


def _replica(served: ServedReplica, reports: Reports, sight: Sight) -> ReplicaFleet:
    heard = reports.replicas.get(served.replica)
    signals = heard[-1].signals if heard else None
    age_s = sight.now_s - heard[-1].at_s if heard else None
    stage = _stage(served, signals.stage if signals else None)
    since_s = signals.stage_since_s if signals and signals.stage == stage else served.since_s
    took_s = since_s - served.since_s if stage == "ready" else 0.0
    return ReplicaFleet(
        replica=served.replica,
        stage=stage,
        since_s=since_s,
        load=_load(signals) if signals and sight.fresh(age_s) else None,
        age_s=age_s,
        requested_s=served.since_s,
        startup_s=took_s if took_s > 0 else None,  # Serve's controller, restarted, takes all replicas for new
        steps=signals.steps if signals else StepTotals(),
    )


def _load(signals: ReplicaSignals) -> Load:
    return Load(
        running=signals.running,
        waiting=signals.waiting,
        kv_used=signals.kv_used,
        queued_prompt_tokens=signals.queued_prompt_tokens,
        remaining_tokens=signals.remaining_tokens,
    )


def _stage(served: ServedReplica, reported: Stage | None) -> Stage:
    """Believe Serve on whether a replica gets requests, and the replica on how far it is on the way there.

    An engine that loads its model can be silent for long, so its last word stands as long as Serve calls it starting.
    """
    if served.state == "stopping" or reported == "draining":
        return "draining"
    if served.state == "running":
        return "ready"
    if reported is None:
        return "placed" if served.placed else "requested"
    return "warming" if reported == "ready" else reported


def _recovering(pool: ServedPool) -> Iterator[str]:
    """Name what Serve has not found again: asked for fewer, it stops such a replica first, whatever it is doing."""
    for replica in pool.replicas:
        if replica.recovering:
            yield f"Serve is recovering replica {replica.replica}"


def _blind(replicas: Iterable[ReplicaFleet], reports: Reports, served: Served, sight: Sight) -> Iterator[str]:
    """Name everything that should have been heard and was not."""
    if not sight.fresh(sight.now_s - served.at_s):
        yield f"Serve silent for {sight.now_s - served.at_s:.0f}s"
    if not reports.gateways:
        yield "no gateway heard yet"
    for name, heard in sorted(reports.gateways.items()):
        if not sight.fresh(sight.now_s - heard[-1].at_s):
            yield f"gateway {name} silent for {sight.now_s - heard[-1].at_s:.0f}s"
    for replica in replicas:
        if replica.stage == "ready" and replica.load is None:
            silence = "not heard yet" if replica.age_s is None else f"silent for {replica.age_s:.0f}s"
            yield f"replica {replica.replica} {silence}"
