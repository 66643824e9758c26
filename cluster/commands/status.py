"""``tercet status``: what every pool is doing, and why it has the size it has."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from cluster.lifecycle.attached import attached
from cluster.lifecycle.fleet import fleet_status
from cluster.obstacles import CannotServeError
from cluster.run_state import state_dir
from cluster.status_page import render_status

DEADLINE_S = 5.0
REFRESH_S = 1.0
PLAIN_WIDTH = 240


def status(
    port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch, a line each time.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")] = False,
) -> None:
    """Show pools, replicas by stage, queues, SLA attainment and the last decisions."""
    try:
        with attached(state_dir(port)):
            (_follow if watch else _once)(as_json)
    except (CannotServeError, TimeoutError) as error:
        print(f"tercet status: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _once(as_json: bool) -> None:
    told = fleet_status(DEADLINE_S)
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        console = _console()
        console.print(render_status(told, time.time(), plain=not console.is_terminal))


def _follow(as_json: bool) -> None:
    console = _console()
    if as_json or not console.is_terminal:
        for told in _each_second():
            if as_json:
                print(json.dumps(told), flush=True)
            else:
                console.print(render_status(told, time.time(), plain=True))
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for told in _each_second():
            live.update(render_status(told, time.time()), refresh=True)


def _each_second() -> Iterator[dict[str, Any]]:
    while True:
        yield fleet_status(DEADLINE_S)
        time.sleep(REFRESH_S)


def _console() -> Console:
    """Return a console that never cuts a line off when its output goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
