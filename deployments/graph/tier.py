"""The quality of service that a request asks for: full models, lean ones, or what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from deployments.errors import Invalid
from deployments.request import Context, Request

Tier = Literal["economy", "standard", "premium"]
TIERS: tuple[Tier, ...] = get_args(Tier)
USUAL: Tier = "standard"
TIER_HEADER = "x-tercet-tier"
# What OpenAI's field calls them; all its other values leave the choice to the server.
_BY_FIELD: Mapping[str, Tier] = {"flex": "economy", "priority": "premium"}


def tier_of(request: Request, context: Context) -> Tier:
    """Return what the header ``x-tercet-tier`` says, else the field ``service_tier``, else the usual tier."""
    said = context.headers.get(TIER_HEADER)
    for tier in TIERS:
        if tier == said:
            return tier
    field = request.body.get("service_tier")
    return _BY_FIELD.get(field, USUAL) if isinstance(field, str) else USUAL


def check_tier(headers: Mapping[str, str]) -> None:
    """Raise an Invalid whose ``param`` is the header where that names no tier."""
    said = headers.get(TIER_HEADER)
    if said is not None and said not in TIERS:
        raise Invalid(f"{TIER_HEADER}: {said[:50]!r} is none of {', '.join(TIERS)}", param=TIER_HEADER)
