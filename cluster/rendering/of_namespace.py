"""Queries about one namespace of Kubernetes, where a Prometheus scrapes several clusters of Tercet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAMED = re.compile(r"\b((?:tercet|gen_ai)[_:][a-z0-9_:]+)")


def of_namespace(group: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return a group whose rules ask for the series of *namespace* alone, and whose results are labelled with it."""
    return {**group, "rules": [_of(rule, namespace) for rule in group["rules"]]}


def chosen(expr: str, selector: str) -> str:
    """Return *expr* with each of its series narrowed by *selector*, such as ``namespace="llm"``."""
    narrowed = _NAMED.sub(lambda name: f"{name[1]}{{{selector}}}", expr)
    return narrowed.replace(f"{{{selector}}}{{", f"{{{selector}, ")


def _of(rule: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    expr = chosen(rule["expr"], f'namespace="{namespace}"')
    return {**rule, "expr": expr, "labels": {"namespace": namespace, **rule.get("labels", {})}}
