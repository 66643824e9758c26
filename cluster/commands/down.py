"""``tercet down``: stop a running cluster from another terminal."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from cluster.run_state import read, state_dir


def down(
    port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
    wait: Annotated[float, typer.Option(help="Seconds to wait for running requests to finish.")] = 900.0,
) -> None:
    """Drain and stop the cluster whose gateway listens on PORT."""
    directory = state_dir(port)
    running = read(directory)
    if running is None:
        typer.echo(f"tercet down: no Tercet runs behind port {port}.", err=True)
        raise typer.Exit(1)
    os.kill(running.pid, signal.SIGTERM)
    print(f"Draining {running.http} ...", flush=True)
    until = time.monotonic() + wait
    while running.alive():
        if time.monotonic() > until:
            typer.echo(
                f"tercet down: {running.http} still drains after {wait:g} s; it stops when its streams end.", err=True
            )
            raise typer.Exit(1)
        time.sleep(0.25)
    print("Stopped.")
