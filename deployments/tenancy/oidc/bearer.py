"""What the claims of a verified token say: who it is, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from deployments.errors import Unauthorized
from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.oidc.spec import IssuerSpec

# As far as the clocks of an issuer and a gateway may differ.
LEEWAY_S = 30.0
_MOST_CHARS = 200


def timely(claims: Mapping[str, Any], now_s: float) -> None:
    """Raise Unauthorized unless the token is valid at *now_s* (Unix time)."""
    if now_s >= _moment(claims, "exp") + LEEWAY_S:
        raise Unauthorized("the token has expired")
    for name in ("nbf", "iat"):
        if name in claims and now_s < _moment(claims, name) - LEEWAY_S:
            raise Unauthorized("the token is not valid yet")


def bearer(spec: IssuerSpec, claims: Mapping[str, Any]) -> Identity:
    """Return who holds a token of the issuer *spec*; raises Unauthorized where the claims do not say."""
    subject = _text(claims, "sub")
    tenant = spec.tenant if spec.tenant_claim is None else _text(claims, spec.tenant_claim)
    scope = claims.get("scope")
    admin = spec.admin_scope is not None and isinstance(scope, str) and spec.admin_scope in scope.split()
    # Accounts are kept by it, so two subjects must never come to one text, nor a subject to a key's id.
    key = f"{quote(spec.issuer, safe='')}#{quote(subject, safe='')}"
    return Identity(tenant=str(tenant), key=key, scopes=Scopes(admin=admin))


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARS:
        raise Unauthorized(f"the token's {name} is no text of up to {_MOST_CHARS} characters")
    return value


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorized(f"the token's {name} is not a time")
    return float(value)
