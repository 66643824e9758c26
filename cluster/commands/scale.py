"""``tercet scale``: how pools are sized and why, and an operator's hand on it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from autoscale.controller.explanation import explanation, overview
from cluster.lifecycle.attached import attached
from cluster.lifecycle.fleet import fleet_status, steer_scaling
from cluster.obstacles import CannotServeError
from cluster.run_state import state_dir
from cluster.scale_page import explained, listed
from deployments.quantities import seconds
from deployments.strict import nearest

Port = Annotated[int, typer.Option(help="The gateway's port.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Pool = Annotated[str, typer.Argument(help="The pool's name.")]
Proposal = Annotated[str, typer.Argument(help="The proposal's id.")]

scale = typer.Typer(name="scale", add_completion=False, pretty_exceptions_enable=False)


@scale.callback(invoke_without_command=True)
def shown(context: typer.Context, port: Port = 8000, as_json: Json = False) -> None:
    """List pools with their sizes and why, or steer them: explain, approve, reject, pin, unpin."""
    if context.invoked_subcommand is None:
        with _attached(port):
            _print(overview(fleet_status()), as_json, listed)


@scale.command()
def explain(pool: Pool, port: Port = 8000, as_json: Json = False) -> None:
    """Say why a pool has its size, what binds, and what was rejected."""
    with _attached(port):
        status = fleet_status()
        told = explanation(status, pool)
        if not told:
            raise CannotServeError(f"there is no pool {pool!r}; {nearest(pool, status['pools'])}.")
        _print(told, as_json, explained)


@scale.command()
def approve(proposal: Proposal, port: Port = 8000) -> None:
    """Let a proposed change be made."""
    _steer(port, "approve", id=proposal)


@scale.command()
def reject(proposal: Proposal, port: Port = 8000) -> None:
    """Refuse a proposed change; it is not proposed again for as long as it would have waited."""
    _steer(port, "reject", id=proposal)


@scale.command()
def pin(
    pool: Pool,
    replicas: Annotated[int, typer.Argument(min=0, help="How many replicas, within the pool's bounds.")],
    why: Annotated[str, typer.Option(help="What for; whoever asks is told.")],
    lasting: Annotated[str, typer.Option("--for", help="How long, such as 30m or 2h.")] = "1h",
    port: Port = 8000,
) -> None:
    """Set a pool's size by hand for a while, whatever its policy says."""
    try:
        for_s = seconds(lasting)
    except ValueError as error:
        raise typer.BadParameter(f"{lasting!r} {error}", param_hint="--for") from None
    _steer(port, "pin", pool=pool, replicas=replicas, for_s=for_s, why=why)


@scale.command()
def unpin(pool: Pool, port: Port = 8000) -> None:
    """Give a pool back to its policy."""
    _steer(port, "unpin", pool=pool)


def _steer(port: int, action: str, **fields: Any) -> None:
    with _attached(port):
        steer_scaling(action, fields)
    print(f"{action}: done")


def _print(told: dict[str, Any], as_json: bool, lines: Callable[[dict[str, Any], float], Iterator[str]]) -> None:
    print(json.dumps(told, indent=2) if as_json else "\n".join(lines(told, time.time())))


@contextmanager
def _attached(port: int) -> Iterator[None]:
    """Connect for the length of the block, and say in one sentence what is in the way."""
    try:
        with attached(state_dir(port)):
            yield
    except (CannotServeError, TimeoutError) as error:
        print(f"tercet scale: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
