"""The models that other servers answer for, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from cluster.engine_settings import WIDTH
from cluster.problems import printable
from deployments.pii.entities import EVERY
from deployments.remote.spec import Price, RemoteRedact, RemoteSpec


def remotes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for every remote model of a gateway's settings."""
    for name, model in settings["models"].items():
        if model.get("remote"):
            spec = RemoteSpec.model_validate(model["remote"])
            bounds = f"{', '.join(spec.endpoints)}; at most {spec.concurrency} requests a gateway"
            yield from wrap(f"{printable(name)}: {remark(spec)}; {bounds}", WIDTH, subsequent_indent="    ")


def remark(spec: RemoteSpec) -> str:
    """Say who answers, with whose key, at what price."""
    place = spec.key and printable(spec.key.file or spec.key.env or "")
    key = f"with the key in {place}" if place else "without a key"
    price = f", {_told(spec.price)}" if spec.price else ""
    return f"answered as {printable(spec.model)} by {spec.url} {key}{price}{_redacted(spec.redact)}"


def _redacted(rule: RemoteRedact | None) -> str:
    if rule is None:
        return ""
    what = "personal data" if rule.entities == EVERY else ", ".join(rule.entities)
    return f", which gets no {what}" if rule.action == "mask" else f", which gets no request with {what}"


def _told(price: Price) -> str:
    amounts = f"{price.input_per_million:g} {price.currency} in and {price.output_per_million:g} out"
    return f"{amounts} a million tokens"
