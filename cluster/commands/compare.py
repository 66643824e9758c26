"""``tercet compare``: the arms of an experiment by quality, latency and cost, with confidence intervals."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console

from cluster.commands.prices import currency_or_exit, prices_of
from cluster.commands.prices import price as read_price
from cluster.commands.problems_shown import config_or_exit
from cluster.comparison import By, Compared, compared, gathered
from cluster.comparison_page import plain, table
from deployments.telemetry.records_read import RecordsError, read_records

PLAIN_WIDTH = 240


class _Score(msgspec.Struct, kw_only=True):
    request_id: str
    score: float


def compare(
    path: Annotated[Path, typer.Argument(help="A file of records, or the folder with them.")],
    by: Annotated[By, typer.Option(help="What tells the arms apart.")] = "split",
    baseline: Annotated[str, typer.Option(help="The arm that others are compared with; else the largest.")] = "",
    scores: Annotated[
        Path | None, typer.Option(help='Feedback, a line each: {"request_id": "...", "score": 0.8}.')
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(help="MODEL=PROMPT,COMPLETION[,CURRENCY] a million tokens; may be repeated.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The Tercet document, for the prices in it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare recorded requests by the arm that answered them."""
    told = price or []
    prices = prices_of(config_or_exit(config), told) if config is not None else dict(read_price(one) for one in told)
    currency = currency_or_exit(prices, "compare")
    try:
        arms = gathered(read_records(path), by, prices, _scores(scores) if scores is not None else {})
    except (RecordsError, OSError) as error:
        _stop(str(error))
    found = [compared(name, figures, baseline) for name, figures in arms.items() if not baseline or baseline in figures]
    if not found:
        _stop(f"{path} holds no record with {f'an arm {baseline!r}' if baseline else 'arms'} to compare by {by}")
    _show(by, found, currency, as_json=as_json)


def _show(by: By, found: list[Compared], currency: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(plain(by, found, currency), indent=2))
        return
    console = Console()
    for one in found:
        (console if console.is_terminal else Console(width=PLAIN_WIDTH)).print(table(one, currency))


def _scores(path: Path) -> dict[str, float]:
    decoder, found = msgspec.json.Decoder(_Score), {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    told = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise RecordsError(f"{path}:{number}: is not a request_id with its score: {error}") from error
                found[told.request_id] = told.score
    return found


def _stop(message: str) -> NoReturn:
    print(f"tercet compare: {message}", file=sys.stderr)
    raise typer.Exit(1)
