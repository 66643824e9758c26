"""What models cost: from the command line, else from the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from cluster.config import Config
from cluster.price import Price


def prices_of(config: Config, given: Sequence[str]) -> Mapping[str, Price]:
    """Return the price of every model that has one; what is *given* as MODEL=PROMPT,COMPLETION comes first."""
    return {**_in_document(config), **dict(price(one) for one in given)}


def price(text: str) -> tuple[str, Price]:
    """Read MODEL=PROMPT,COMPLETION, each for a million tokens; raises BadParameter."""
    model, _, told = text.rpartition("=")
    try:
        prompt, completion = (float(part) for part in told.split(","))
    except ValueError:
        model = ""
    if not model or not (0 <= prompt < float("inf") and 0 <= completion < float("inf")):
        raise typer.BadParameter("write MODEL=PROMPT,COMPLETION, such as dense=0.5,1.5", param_hint="--price")
    return model, Price(prompt=prompt, completion=completion)


def _in_document(config: Config) -> dict[str, Price]:
    """Return the prices of models that are somebody else's; own engines cost what their machines cost."""
    written: dict[str, Any] = {name: getattr(model, "price", None) for name, model in config.models.items()}
    return {
        name: Price(prompt=one.input_per_million, completion=one.output_per_million)
        for name, one in written.items()
        if one is not None
    }
