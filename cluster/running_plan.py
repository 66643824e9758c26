"""The plan that a running cluster has, so that a later command knows what a new one would change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cluster.plan import Plan

_FILE = "plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPlan:
    """A plan, and the checkpoint cache that its engines were told of.

    While a change is under way, and after one that has stopped half way, parts may have one of ``unsure`` instead.
    """

    plan: Plan
    cache: str | None = None
    unsure: tuple[Plan, ...] = ()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return every plan that a part of the cluster may have."""
        return (self.plan, *self.unsure)


def keep(directory: Path, running: RunningPlan) -> None:
    """Write down what runs; a reader sees the plan before or this one, never a part."""
    written = directory / f"{_FILE}.new"
    written.write_bytes(msgspec.json.encode(running))
    written.chmod(0o600)
    os.replace(written, directory / _FILE)  # noqa: PTH105 - Path.replace says less well that it is atomic


def recall(directory: Path) -> RunningPlan | None:
    """Return what runs; None where it was not written down, or by a version that wrote it differently."""
    try:
        return msgspec.json.decode((directory / _FILE).read_bytes(), type=RunningPlan)
    except (OSError, msgspec.MsgspecError):
        return None


def as_kept(plan: Plan) -> Plan:
    """Return *plan* as it is read back once it was kept, so that two plans compare by what they say."""
    return msgspec.json.decode(msgspec.json.encode(plan), type=Plan)
