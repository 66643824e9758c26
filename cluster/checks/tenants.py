"""Tenants that lead nowhere: to models that are not there, or out of reach of every caller."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cluster.parts import Parts, mapping
from cluster.problems import Loc, Problem, path_of, shown
from deployments.adapters import ALL, served_name
from deployments.strict import nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


def unruly(parts: Parts) -> Iterator[Problem]:
    """Find what is wrong with tenants and with who may call, apart from their shape."""
    access, tenants = mapping(parts.raw.get("access")), parts.names("tenants")
    if tenants and (parts.raw.get("access") is None or access.get("open") is True):
        rule = (
            "says who uses what, and nothing says who calls; add `access` with a store, as in {store: {sqlite: /path}}"
        )
        yield Problem(path="tenants", message=rule)
    if access and access.get("open") is not True and not tenants and parts.sound("tenants"):
        yield Problem(path="access", message="lets nobody in, since there are no tenants; add one under `tenants`")
    yield from _misnamed(tenants)
    for name in tenants:
        section = mapping(mapping(parts.raw.get("tenants"))[name])
        yield from _allowed(parts, name, section.get("allow"))
        yield from _models(parts, ("tenants", name, "models"), section.get("models"))
    yield from _models(parts, ("access", "models"), access.get("models"))
    yield from _issuers(access.get("issuers"), tenants)


def _misnamed(tenants: Sequence[str]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in tenants:
        if not _NAME.fullmatch(name):
            rule = f"{shown(name)} is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit first"
            yield Problem(path=path_of(("tenants", name)), message=rule, value=name)
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            rule = f"differs from {shown(first)} by case alone; rename one, for people will confuse them"
            yield Problem(path=path_of(("tenants", name)), message=rule, value=name)


def _allowed(parts: Parts, tenant: str, allow: Any) -> Iterator[Problem]:
    models = parts.names("models")
    with_adapters = (served_name(model, ALL) for model in models if model not in parts.remotes)
    known = {*models, *parts.adapters(), *parts.names("graph")}
    allowable = known.union(with_adapters)
    seen: set[str] = set()
    for at, name in enumerate(allow if isinstance(allow, list) else ()):
        path = path_of(("tenants", tenant, "allow", at))
        if isinstance(name, str) and name not in allowable:
            rule = f"{shown(name)} is neither a model nor a graph node; {nearest(name, known)}"
            yield Problem(path=path, message=rule, value=name)
        elif isinstance(name, str) and name in seen:
            yield Problem(path=path, message=f"{shown(name)} is listed twice; drop one", value=name)
        seen.update({name} if isinstance(name, str) else ())


def _models(parts: Parts, loc: Loc, models: Any) -> Iterator[Problem]:
    known = parts.names("models")
    for name in mapping(models):
        if isinstance(name, str) and name not in known:
            node = name in parts.names("graph")
            what = "is a graph node, and what is used of models is limited by model" if node else "is not a model"
            rule = f"{shown(name)} {what}; {nearest('' if node else name, known)}"
            yield Problem(path=path_of((*loc, name)), message=rule, value=name)


def _issuers(issuers: Any, tenants: Collection[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, issuer in enumerate(issuers if isinstance(issuers, list) else ()):
        tenant, url = mapping(issuer).get("tenant"), mapping(issuer).get("issuer")
        if isinstance(tenant, str) and tenant not in tenants:
            rule = f"{shown(tenant)} is not a tenant; {nearest(tenant, tenants)}"
            yield Problem(path=path_of(("access", "issuers", at, "tenant")), message=rule, value=tenant)
        if isinstance(url, str) and url in seen:
            rule = f"{shown(url)} is configured twice; keep one, for a token could be judged by either"
            yield Problem(path=path_of(("access", "issuers", at, "issuer")), message=rule, value=url)
        seen.update({url} if isinstance(url, str) else ())
