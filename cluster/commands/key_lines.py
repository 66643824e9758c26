"""Keys and budgets as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def key_lines(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each key."""
    for one in records:
        scopes = " ".join(f"{kind}={_listed(one[kind])}" for kind in ("models", "nodes"))
        ends = "".join(f" {end} {one[end]}" for end in ("expires", "revoked") if one[end])
        admin, name = " admin" if one["admin"] else "", f" ({one['name']})" if one["name"] else ""
        limits = f" limits={json.dumps(one['limits'])}" if one["limits"] is not None else ""
        who = f"{one['id']}  {one['state']:<7}  {one['tenant']}{name}"
        yield f"{who}  {scopes}{admin}{limits}  created {one['created']}{ends}"


def budget_lines(states: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each budget."""
    for one in states:
        amounts = "  ".join(f"{name} {_plain(one[name])}" for name in ("used", "held", "left", "limit", "overrun"))
        yield f"{one['whose']}  {one['of']} {one['period']}".rstrip() + f"  {amounts}"


def _plain(amount: float) -> str:
    """Return an amount to the millionth, and no zeros behind it."""
    return f"{amount:.6f}".rstrip("0").rstrip(".") if isinstance(amount, float) else str(amount)


def _listed(names: str | list[str]) -> str:
    return names if isinstance(names, str) else ",".join(names) or "none"
