"""``tercet apply``: give a running cluster another graph, weights and limits, without losing a request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from filelock import FileLock, Timeout

from cluster.changes import Change, changes
from cluster.commands.problems_shown import plan_or_exit
from cluster.lifecycle.attached import AttachedCluster, attached
from cluster.machine import this_machine
from cluster.memory import shortage
from cluster.obstacles import CannotServeError
from cluster.plan import Plan
from cluster.ports import obstacle
from cluster.rollout import roll_out
from cluster.run_state import state_dir
from cluster.running_plan import RunningPlan, as_kept, keep, recall
from cluster.spread import Spread
from cluster.store_obstacle import store_obstacle
from deployments.gateway.fingerprint import fingerprint
from deployments.gateway.rehearsal import rehearse
from deployments.gateway.settings import GatewaySettings


def apply(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    port: Annotated[
        int | None, typer.Option(help="The port of the running gateway; gateway.port if not given.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go on although engines restart or pools go.")] = False,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for engines and for all gateways.")] = 600.0,
) -> None:
    """Change a running cluster to what FILE says; a file with any problem changes nothing."""
    plan = as_kept(plan_or_exit(file, port=port, nodes=(this_machine(),)))
    directory = state_dir(plan.gateway.port)
    try:
        settings = rehearse(plan.gateway.settings)
        with _alone(directory):
            _apply(directory, plan, settings, yes=yes, wait_s=wait)
    except CannotServeError as error:
        typer.echo(f"tercet apply: {error}", err=True)
        raise typer.Exit(1) from None


def _apply(directory: Path, plan: Plan, settings: GatewaySettings, *, yes: bool, wait_s: float) -> None:
    with attached(directory) as running:
        served = recall(directory)
        if served is None:
            raise CannotServeError(
                f"what {running.http} was started with is not known here: `tercet down`, then serve the file."
            )
        if served.unsure:
            print("the change before has stopped half way: what it may have touched is handed over again", flush=True)
        found = _changes(served.plans, plan)
        for line in lines(found, same=served.plans == (plan,)):
            print(line, flush=True)
        _refuse(found, served.plans, plan, yes=yes)
        added = {pool.name for pool in plan.pools} - _pools(served.plans)
        if added:
            print(f"starting {', '.join(sorted(added))}; the gateways change once they are ready", flush=True)
        began_s = time.monotonic()
        spread = roll_out(
            AttachedCluster(directory, cache=served.cache),
            served.plans,
            plan,
            fingerprint(settings),
            within_s=wait_s,
            running=lambda held: keep(directory, RunningPlan(plan=held[0], cache=served.cache, unsure=tuple(held[1:]))),
        )
    print(outcome(spread, fingerprint(settings), time.monotonic() - began_s), flush=True)
    if not spread.complete:
        raise typer.Exit(1)


def _alone(directory: Path) -> Any:
    """Hold the cluster's lock, so that two changes do not mix."""
    lock = FileLock(directory / "apply.lock", timeout=0) if directory.is_dir() else None
    if lock is None:
        raise CannotServeError("no Tercet runs here: start one with `tercet serve`, or give its gateway's --port.")
    try:
        return lock.acquire()
    except Timeout:
        raise CannotServeError("another `tercet apply` is at work on this cluster: wait for it.") from None


def _changes(olds: Sequence[Plan], new: Plan) -> list[Change]:
    """Return every difference from any of *olds*, those that restart engines first."""
    found = dict.fromkeys(change for old in olds for change in changes(old, new))
    return sorted(found, key=lambda change: not change.restarts)


def _pools(plans: Sequence[Plan]) -> set[str]:
    return {pool.name for plan in plans for pool in plan.pools}


def lines(found: Sequence[Change], *, same: bool) -> list[str]:
    """Say each change and whether engines restart for it."""
    if not found:
        return ["nothing changes" if same else "only what engines never see changes"]
    return [f"  {'restarts engines' if change.restarts else 'in place        '}  {change.what}" for change in found]


def _refuse(found: Sequence[Change], olds: Sequence[Plan], new: Plan, *, yes: bool) -> None:
    """Raise CannotServeError for what cannot be changed while it runs, and for what nobody has agreed to."""
    if any((old.gateway.host, old.gateway.port) != (new.gateway.host, new.gateway.port) for old in olds):
        raise CannotServeError("gateway.host and gateway.port need a new start: `tercet down`, then `tercet serve`.")
    running = _pools(olds)
    added = replace_pools(new, [pool.name for pool in new.pools if pool.name not in running])
    short = shortage(added, psutil.virtual_memory().available) if added.pools else None
    if short:
        raise CannotServeError(short)
    if closed := _closed(olds, new):
        raise CannotServeError(closed)
    restarts = sum(change.restarts for change in found)
    gone = sorted(running - {pool.name for pool in new.pools})
    if (restarts or gone) and not yes:
        why = [f"{restarts} change{'s' * (restarts > 1)} restart engines"] if restarts else []
        why += [f"{', '.join(gone)} would go"] if gone else []
        raise CannotServeError(f"nothing was changed: {' and '.join(why)}; --yes goes on all the same.")


def _closed(olds: Sequence[Plan], new: Plan) -> str | None:
    """Say why nobody could come in any more, callers or operators, where *new* has them come in another way."""
    before, after = [old.gateway.settings for old in olds], new.gateway.settings
    if any(one.get("access") != after.get("access") for one in before) and (why := store_obstacle(after)):
        return why
    admin = after["admin"]
    listening = {(one["admin"]["host"], one["admin"]["port"]) for one in before}
    if admin["port"] is None or (admin["host"], admin["port"]) in listening:
        return None
    taken = obstacle(admin["host"], admin["port"])
    return None if taken is None else f"gateway.admin.port: {taken}"


def replace_pools(plan: Plan, names: Sequence[str]) -> Plan:
    """Return *plan* with only the pools of *names*."""
    return Plan(
        pools=tuple(pool for pool in plan.pools if pool.name in names), gateway=plan.gateway, autoscale=plan.autoscale
    )


def outcome(spread: Spread, settings: str, took_s: float) -> str:
    """Say how many gateways have the new settings, and what becomes of the others."""
    if spread.complete:
        return f"applied: {len(spread.having)} of {spread.wanted} gateways have settings {settings} ({took_s:.1f} s)"
    late = f"; still other settings: {', '.join(spread.others)}" if spread.others else ""
    return (
        f"not complete after {took_s:.1f} s: {len(spread.having)} of {spread.wanted} gateways have settings "
        f"{settings}{late}. Every gateway takes them as soon as it can, and one that is being stopped ends with its "
        "requests; `tercet apply` again looks anew."
    )
