"""What a declared cluster is told, and the plan that it comes to there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from cluster.checks.source import Look, look_here
from cluster.declared.groups import Group, kept_to_groups, machines, misgrouped
from cluster.plan import Plan
from cluster.problems import Problem, shown
from cluster.resolve import resolve
from deployments.remote.spec import is_loopback
from deployments.strict import Strict


class Declaration(Strict):
    """A Tercet document as it was written, and what surrounds it.

    No answer takes more than ``longest_answer`` seconds: proxies and machines that go wait for so long. A change has
    ``within`` seconds until all of it is ready. ``cache`` is the folder that engines build checkpoints in.
    """

    document: dict[str, Any]
    groups: dict[str, Group] = Field(min_length=1)
    longest_answer: float = Field(default=1800.0, gt=0)
    within: float = Field(default=1800.0, gt=0)
    cache: str | None = None


def planned(declaration: Declaration, look: Look = look_here) -> Plan | list[Problem]:
    """Return the plan for the machines that there may be, or all that is wrong; *look* finds checkpoints."""
    plan = resolve(declaration.document, machines(declaration.groups), look=look)
    if not isinstance(plan, Plan):
        return plan
    found = [*_unreached(plan), *_too_long(plan, declaration.longest_answer), *misgrouped(plan, declaration.groups)]
    return found or kept_to_groups(plan, declaration.groups)


def _unreached(plan: Plan) -> Iterator[Problem]:
    admin = plan.gateway.settings["admin"]
    if is_loopback(plan.gateway.host):
        yield Problem(path="gateway.host", message=_nobody(plan.gateway.host))
    if admin["port"] is not None and is_loopback(admin["host"]):
        yield Problem(path="gateway.admin.host", message=_nobody(admin["host"]))


def _nobody(host: str) -> str:
    return f"{shown(host)} is reached from inside its own machine alone; say 0.0.0.0"


def _too_long(plan: Plan, longest_s: float) -> Iterator[Problem]:
    """Find what may take longer than proxies and leaving machines wait for."""
    rule = f"is more than the {longest_s:g} s that leaving machines wait for; raise longestAnswerSeconds, or lower it"
    asked = float(plan.gateway.settings["request_timeout"])
    if asked > longest_s:
        yield Problem(path="gateway.request_timeout", message=f"{asked:g} s {rule}")
    for pool in plan.pools:
        if pool.drain_s > longest_s:
            yield Problem(path=f"models.{pool.name}.drain", message=f"{pool.drain_s:g} s {rule}")
