"""Changes that wait for an operator's word."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, PoolDecision
from autoscale.spec import ApprovalSpec

log = logging.getLogger("tercet.autoscale")

Answer = Literal["approved", "rejected"]
Status = Literal["waiting"] | Answer
# A recommendation that wavers for less than this does not take its proposal back.
WAVERS_S = 30.0
# What was approved at the last moment still has the time to be carried out.
CARRIED_OUT_S = 300.0


def _new_id() -> str:
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change of one pool, good until ``expires_s`` (Unix time)."""

    id: str
    pool: str
    before: int
    after: int
    reason: str
    made_s: float
    expires_s: float


@dataclass(slots=True)
class _Held:
    proposal: Proposal
    asked_s: float
    until_s: float
    status: Status = "waiting"


@dataclass(slots=True)
class Proposals:
    """At most one change of each pool under way; ``ids`` gives ids that nobody has used.

    One that is waiting gives way when the policy wants to go further in its direction, lapses when the policy no longer
    asks for it or its time is over, and when rejected is not made again for as long as it would have been good. One
    that is approved is carried out step by step, and lapses when it would shrink a pool that is to grow.
    """

    ids: Callable[[], str] = _new_id
    _held: dict[str, _Held] = field(default_factory=dict)

    def settle(self, fleet: Fleet, decision: Decision, rule: ApprovalSpec) -> dict[str, int]:
        """Turn a decision into the sizes that may be acted on: what was approved, what bounds force, else no change.

        Pools that *fleet* leaves out have nothing proposed.
        """
        self._held = {name: held for name, held in self._held.items() if name in fleet.pools}
        return {
            name: self._settle(name, pool, decision.pools[name], fleet.at_s, rule) for name, pool in fleet.pools.items()
        }

    def answer(self, known: str, status: Answer, now_s: float) -> str:
        """Approve or reject the proposal *known*. Return why not, "" where it is done."""
        for held in self._held.values():
            if held.proposal.id == known and held.status == "waiting" and held.until_s > now_s:
                held.status = status
                held.until_s = max(held.until_s, now_s + CARRIED_OUT_S) if status == "approved" else held.until_s
                _log(status, held.proposal)
                return ""
        return f"no proposal {known[:100]!r} is waiting: it has lapsed, was answered, or gave way to another"

    def waiting(self, pool: str) -> Proposal | None:
        """Return what waits for an answer."""
        known = self.known(pool)
        return known[0] if known is not None and known[1] == "waiting" else None

    def known(self, pool: str) -> tuple[Proposal, Status] | None:
        """Return the change that waits, is being carried out, or was rejected and may not be made again yet."""
        held = self._held.get(pool)
        return (held.proposal, held.status) if held is not None else None

    def clear(self) -> None:
        """Take everything back."""
        self._held = {}

    def plain(self) -> list[dict[str, Any]]:
        """Return all as plain JSON."""
        return [
            {"status": held.status, "until_s": held.until_s, "proposal": asdict(held.proposal)}
            for held in self._held.values()
        ]

    def take(self, plain: list[Mapping[str, Any]], now_s: float) -> None:
        """Take up what an earlier process had; the policy has some time to ask for it again."""
        found = [_Held(**{**one, "proposal": Proposal(**one["proposal"]), "asked_s": now_s}) for one in plain]
        self._held = {held.proposal.pool: held for held in found}

    def _settle(self, name: str, pool: PoolFleet, told: PoolDecision, now_s: float, rule: ApprovalSpec) -> int:
        present = max(pool.min_replicas, min(pool.max_replicas, pool.target))
        if rule.up == "auto" and told.replicas > present:
            self._end(name)
            return told.replicas
        self._lapse(name, present, told, now_s)
        held = self._held.get(name)
        if told.replicas != present and (held is None or _further(held, told.replicas)):
            self._propose(name, present, told, now_s, rule)
            held = self._held[name]
        if held is None or held.status != "approved":
            return present
        after = max(pool.min_replicas, min(pool.max_replicas, held.proposal.after))
        return max(present, after) if pool.blind else after

    def _lapse(self, name: str, present: int, told: PoolDecision, now_s: float) -> None:
        held = self._held.get(name)
        if held is None:
            return
        proposal = held.proposal
        if _same_direction(proposal, told.replicas):
            held.asked_s = now_s
        if held.status == "approved" and present == proposal.after:
            self._end(name, done=True)
        elif now_s >= held.until_s or _pointless(held, present, told.replicas, now_s):
            self._end(name)

    def _end(self, name: str, *, done: bool = False) -> None:
        held = self._held.pop(name, None)
        if held is not None and not done and held.status != "rejected":
            _log("lapsed", held.proposal)

    def _propose(self, name: str, present: int, told: PoolDecision, now_s: float, rule: ApprovalSpec) -> None:
        proposal = Proposal(
            id=self.ids(),
            pool=name,
            before=present,
            after=told.replicas,
            reason=told.reason,
            made_s=now_s,
            expires_s=now_s + rule.expires,
        )
        self._held[name] = _Held(proposal=proposal, asked_s=now_s, until_s=proposal.expires_s)
        _log("proposed", proposal)


def _same_direction(proposal: Proposal, wanted: int) -> bool:
    return (wanted - proposal.before) * (proposal.after - proposal.before) > 0


def _pointless(held: _Held, present: int, wanted: int, now_s: float) -> bool:
    """Say whether the pool was moved otherwise, or the policy changed its mind.

    An approved release takes as many steps as replicas become idle, and does not go on when more are needed.
    """
    before, after = held.proposal.before, held.proposal.after
    if held.status == "approved":
        return not min(before, after) <= present <= max(before, after) or (after < before and wanted > present)
    # Whoever asks an empty pool is refused meanwhile, so that nobody asking says nothing.
    wavers = held.status == "waiting" and before > 0 and now_s - held.asked_s > WAVERS_S
    return present != before or wavers


def _further(held: _Held, wanted: int) -> bool:
    """Say whether *wanted* goes beyond what is held, or the other way; what was approved is carried out first."""
    before, after = held.proposal.before, held.proposal.after
    if held.status == "approved":
        return False
    if not _same_direction(held.proposal, wanted):
        return wanted != before and held.status == "rejected"
    return abs(wanted - before) > abs(after - before)


def _log(what: str, proposal: Proposal) -> None:
    fields = {
        "id": proposal.id,
        "pool": proposal.pool,
        "from": proposal.before,
        "to": proposal.after,
        "reason": proposal.reason,
    }
    log.info("scaling_%s %s", what, " ".join(f"{key}={json.dumps(value)}" for key, value in fields.items()))
