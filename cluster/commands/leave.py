"""``tercet leave``: what a machine of a declared cluster does before it goes."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.obstacles import CannotServeError


def leave(
    address: Annotated[str, typer.Option(envvar="RAY_ADDRESS", help="Where Ray's head listens.")],
    port: Annotated[int, typer.Option(help="The port that clients connect to.")] = 8000,
    node: Annotated[str | None, typer.Option(help="Ray's id of another machine; this one's if not given.")] = None,
    within: Annotated[float, typer.Option(min=1.0, help="Seconds to wait at most.")] = 1800.0,
) -> None:
    """Drain this machine: replicas start elsewhere and streams finish; exit 1 where some may be cut."""
    from cluster.lifecycle.leaving import leave as wait_to_leave  # noqa: PLC0415 - imports Ray

    try:
        safe = wait_to_leave(address, port=port, within_s=within, node=node)
    except CannotServeError as error:
        typer.echo(f"tercet leave: {error}", err=True)
        raise typer.Exit(1) from None
    if not safe:
        typer.echo(f"tercet leave: still answering after {within:g} s", err=True)
        raise typer.Exit(1)
