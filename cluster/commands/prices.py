"""What models cost: from the command line, else from the document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import typer

from cluster.config import Config
from cluster.price import Price, one_currency

_AMOUNTS = re.compile(r"([^,]*),([^,]*)(?:,([a-z]{3}))?")


def prices_of(config: Config, given: Sequence[str]) -> Mapping[str, Price]:
    """Return the price of every model that has one; what is *given* as MODEL=PROMPT,COMPLETION[,CURRENCY] comes first.

    A price whose currency is not said is in that of the document's, where they have one in common.
    """
    written = _in_document(config)
    common = {one.currency for one in written.values()}
    unsaid = common.pop() if len(common) == 1 else ""
    told = dict(price(one) for one in given)
    return {**written, **{model: replace(one, currency=one.currency or unsaid) for model, one in told.items()}}


def price(text: str) -> tuple[str, Price]:
    """Read MODEL=PROMPT,COMPLETION[,CURRENCY], each for a million tokens; raises BadParameter."""
    model, _, told = text.rpartition("=")
    amounts = _AMOUNTS.fullmatch(told)
    try:
        prompt, completion = (float(part) for part in amounts.group(1, 2)) if amounts else (-1.0, -1.0)
    except ValueError:
        prompt = completion = -1.0
    if not model or not (0 <= prompt < float("inf") and 0 <= completion < float("inf")):
        rule = "write MODEL=PROMPT,COMPLETION or MODEL=PROMPT,COMPLETION,CURRENCY, such as dense=0.5,1.5,usd"
        raise typer.BadParameter(rule, param_hint="--price")
    return model, Price(prompt=prompt, completion=completion, currency=(amounts and amounts[3]) or "")


def currency_or_exit(prices: Mapping[str, Price], command: str) -> str:
    """Return the one currency of *prices*; say why they cannot be compared and exit where there are several."""
    try:
        return one_currency(prices)
    except ValueError as error:
        typer.echo(f"tercet {command}: the prices of {error}", err=True)
        raise typer.Exit(1) from None


def _in_document(config: Config) -> dict[str, Price]:
    """Return the prices of models whose tokens have one; other engines cost what their machines cost."""
    written: dict[str, Any] = {name: getattr(model, "price", None) for name, model in config.models.items()}
    return {
        name: Price(prompt=one.input_per_million, completion=one.output_per_million, currency=one.currency)
        for name, one in written.items()
        if one is not None
    }
