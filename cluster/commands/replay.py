"""``tercet replay``: what a graph would have done with recorded requests, with no engine running."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands.prices import currency_or_exit, prices_of
from cluster.commands.problems_shown import config_or_exit
from cluster.config import model_names
from cluster.record_lines import lines_of
from cluster.replay import outcome, replayed

PLAIN_WIDTH = 240
PATHS_SHOWN = 10
UNKNOWN = "unknown"


def replay(
    log: Annotated[Path, typer.Argument(help="Records that a `record` node kept with its texts: a file or a folder.")],
    file: Annotated[Path, typer.Argument(help="The Tercet document whose graph is tried.")],
    price: Annotated[
        list[str] | None, typer.Option(help="MODEL=PROMPT,COMPLETION[,CURRENCY] a million tokens; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which recorded requests would take another path, and what that means for latency and cost."""
    config = config_or_exit(file)
    prices = prices_of(config, price or [])
    try:
        lines = lines_of(log)
        done = replayed(lines, config.graph, str(config.default), model_names(config.models))
    except OSError as error:
        typer.echo(f"tercet replay: {log} cannot be read: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None
    priced = {model: prices[model] for move in done.moves for model in move[1:] if model in prices}
    currency = currency_or_exit(priced, "replay")
    told = {**outcome(done, prices, lines.malformed), "currency": currency or None}
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        _print(told)
    if lines.malformed:
        typer.echo(f"{lines.malformed} lines are no records and were left out; the first: {lines.first}", err=True)
    if not done.replayed:
        typer.echo(
            f"tercet replay: {log} holds no request with its body; a `record` node keeps them with text: true", err=True
        )
        raise typer.Exit(1)


def _print(told: Mapping[str, Any]) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=PLAIN_WIDTH)
    for line in headline(told):
        console.print(Text(line))
    if told["moves"]:
        console.print(_moves(told["moves"], told["currency"]))
    for path in told["paths"][:PATHS_SHOWN]:
        console.print(Text(f"  {path['requests']}x  {path['old']}  ->  {path['new']}"))


def headline(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many requests were replayed and changed, and what was left out."""
    changed = f"{told['changed_path']} take another path, {told['changed_model']} another model"
    yield f"{told['replayed']} requests replayed: {changed}"
    left_out = {
        "without their body": told["without_body"],
        "mirrored": told["mirrored"],
        "to names that the graph has not": sum(told["unknown_entries"].values()),
    }
    if any(left_out.values()):
        yield "left out: " + ", ".join(f"{count} {what}" for what, count in left_out.items() if count)
    if told["answered_after_a_failure"]:
        yield (
            f"{told['answered_after_a_failure']} were answered after a failure on the way, which the new path does not "
            "foresee"
        )


def _moves(rows: list[Mapping[str, Any]], currency: str | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("ENTRY", "OLD MODEL", "NEW MODEL", "REQUESTS", "TTFT old/new", "ANSWER old/new", "COST old/new"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            *map(Text, (row["entry"], row["old_model"] or "none", row["new_model"], str(row["requests"]))),
            _pair(row["old_ttft_s"], row["new_ttft_s"], " s"),
            _pair(row["old_duration_s"], row["new_duration_s"], " s"),
            _pair(row["old_cost"], row["new_cost"], f" {currency}" if currency else ""),
        )
    return table


def _pair(old: float | None, new: float | None, unit: str) -> str:
    return " / ".join(UNKNOWN if value is None else f"{value:.3g}{unit}" for value in (old, new))
