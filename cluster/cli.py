"""The command line: one file a command under ``commands``, imported when it is called."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS = (
    "serve",
    "apply",
    "check",
    "explain",
    "graph",
    "replay",
    "status",
    "down",
    "distill",
    "quantize",
    "compare",
    "canary",
    "scale",
    "keys",
    "profile",
    "backtest",
    "tune",
    "audit",
    "cost",
    "cache",
    "render",
)


class _OnDemand(TyperGroup):
    """Imports a command when it is asked for, so that ``tercet check`` does not wait for Ray."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"cluster.commands.{cmd_name}"), cmd_name)
        if isinstance(found, typer.Typer):  # a command with commands of its own
            return typer.main.get_command(found)
        one = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        one.command(cmd_name)(found)
        return typer.main.get_command(one)


app = typer.Typer(cls=_OnDemand, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tercet {version('tercet')}")
        raise typer.Exit


@app.callback()
def tercet(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Serve large language models on Ray: engine pools, a routing graph and an autoscaler from one file."""


def main() -> None:
    """Run the command line; exits 0 when all is well, 1 on problems and 2 on wrong usage."""
    app()
