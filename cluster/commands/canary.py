"""``tercet canary``: how far a canary has come, and an operator's hand on it."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

import typer

from cluster.lifecycle.attached import attached
from cluster.lifecycle.fleet import fleet_status, steer_canary
from cluster.obstacles import CannotServeError
from cluster.run_state import state_dir
from deployments.strict import nearest

Doing = Literal["show", "hold", "resume", "promote", "rollback", "restart"]


def canary(
    action: Annotated[Doing, typer.Argument(help="What to do: promote goes on to the next stage at once.")],
    node: Annotated[str, typer.Argument(help="The canary's name in the graph.")],
    port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a canary, hold it where it is, or have it go on, back or to the beginning."""
    try:
        with attached(state_dir(port)):
            if action != "show":
                steer_canary(node, action)
            told = _told(node)
    except (CannotServeError, TimeoutError) as error:
        print(f"tercet canary: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(json.dumps(told, indent=2) if as_json else line(told))


def _told(node: str) -> dict[str, Any]:
    canaries: dict[str, dict[str, Any]] = fleet_status()["canaries"]
    if node not in canaries:
        raise CannotServeError(f"no gateway has a canary named {node!r}; {nearest(node, canaries)}.")
    return canaries[node]


def line(told: dict[str, Any]) -> str:
    """Say in one line where a canary is."""
    share = "mirrored to only" if told["status"] == "running" and not told["share"] else f"{100 * told['share']:g} %"
    seen = ", ".join(
        f"{who} {told[who]['ok']} ok and {told[who]['failed']} failed" for who in ("candidate", "mirrored")
    )
    held = ", held" if told["held"] else ""
    return f"{told['node']}: {told['status'].replace('_', ' ')}{held}, {share}; {seen}; {told['reason']}"
