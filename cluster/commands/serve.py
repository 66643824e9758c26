"""``tercet serve``: a running cluster on this machine from one file."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.callers import callers
from cluster.commands.problems_shown import plan_or_exit
from cluster.lifecycle.deployment import answers, deploy, deployment_failures
from cluster.lifecycle.fleet import fleet_status
from cluster.lifecycle.local_cluster import local_cluster
from cluster.lifecycle.take_down import take_down
from cluster.machine import this_machine
from cluster.obstacles import CannotServeError, refuse_obstacles
from cluster.plan import Plan
from cluster.progress import Progress, clock, waiting_for
from cluster.run_state import state_dir
from cluster.running_plan import recall
from cluster.watch import FAILURES_S

START_DEADLINE_S = 1800.0


def serve(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    port: Annotated[int | None, typer.Option(help="Listen here instead of gateway.port.")] = None,
) -> None:
    """Serve a configuration on this machine until interrupted."""
    began_s = time.monotonic()
    plan = plan_or_exit(file, port=port, nodes=(this_machine(),))
    stop = threading.Event()
    _listen_for_signals(stop)
    directory = state_dir(plan.gateway.port)
    try:
        refuse_obstacles(plan, directory)
        print(f"Starting {', '.join(pool.name for pool in plan.pools) or 'no engine'} behind {_http(plan)}", flush=True)
        with local_cluster(plan, directory, cpus=os.cpu_count() or 1):
            _listen_for_signals(stop)  # again: starting Ray puts handlers of its own in place
            deploy(plan, directory, cache=os.environ.get("TERCET_CACHE"))
            if _wait_until_ready(plan, began_s, stop):
                print(_greeting(plan, time.monotonic() - began_s), flush=True)
                stop.wait()
            print("Draining: running requests finish, new ones are refused. Ctrl-C again stops at once.", flush=True)
            stop.clear()
            served = recall(directory)  # `tercet apply` may have changed it
            last = plan if served is None else served.plan
            take_down(last, drain_s=float(last.gateway.settings["request_timeout"]), hurry=stop)
        print("Stopped.", flush=True)
    except CannotServeError as error:
        typer.echo(f"tercet serve: {error}", err=True)
        raise typer.Exit(1) from None


def _listen_for_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _wait_until_ready(plan: Plan, began_s: float, stop: threading.Event) -> bool:
    """Report progress until every pool can answer; False when asked to stop meanwhile."""
    progress = Progress(began_s)
    pools: Mapping[str, Any] = {}
    looked_s = -math.inf
    while time.monotonic() - began_s < START_DEADLINE_S:
        pools = _pools() or pools
        for line in progress.lines(pools, time.monotonic()):
            print(line, flush=True)
        if (pools or not plan.pools) and not waiting_for(pools) and answers(_http(plan)):
            return True
        if time.monotonic() - looked_s >= FAILURES_S:
            failed, looked_s = deployment_failures(), time.monotonic()
            if failed:
                raise CannotServeError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
        if stop.wait(1.0):
            return False
    raise CannotServeError(f"not ready after {clock(START_DEADLINE_S)}: {', '.join(waiting_for(pools)) or 'gateway'}")


def _pools() -> Mapping[str, Any]:
    """Return the controller's view of the pools; nothing while it is too busy to answer, which a start can make it."""
    try:
        pools: Mapping[str, Any] = fleet_status()["pools"]
    except CannotServeError:
        return {}
    return pools


def _http(plan: Plan) -> str:
    return f"http://{plan.gateway.host}:{plan.gateway.port}"


def _greeting(plan: Plan, took_s: float) -> str:
    body = '{"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 32}'
    settings = plan.gateway.settings
    keyed = settings.get("access") is not None and not settings["access"].get("open")
    keys = "\nMake a key with `tercet keys create FILE --tenant NAME`." if keyed else ""
    key = ' -H "Authorization: Bearer $TERCET_KEY"' if keyed else ""
    return f"""Ready after {clock(took_s)}. Try:

  curl {_http(plan)}/v1/chat/completions -H 'Content-Type: application/json'{key} \\
    -d '{body}'

It answers {callers(settings)}.{keys}
Ctrl-C drains and stops."""
