"""Let in only who holds the admin token."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from deployments.errors import Forbidden, Unauthorized
from deployments.gateway.admin_settings import AdminSettings

LEAST_CHARS = 16
_MOST_BYTES = 4096


def admit(authorization: str | None, settings: AdminSettings, environ: Mapping[str, str] = os.environ) -> None:
    """Return where *authorization*, a request's header, carries the token; raise Forbidden or Unauthorized elsewhere.

    Read at every call, so that a token can be changed while the gateway runs. Reads a file, and so may block.
    """
    token = _token(settings, environ)
    scheme, _, given = (authorization or "").partition(" ")
    # Compared even where the scheme is wrong, and byte by byte to the end: the time taken tells nothing.
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if not (same and scheme.lower() == "bearer"):
        raise Unauthorized("this needs the admin token: send it as `Authorization: Bearer <token>`")


def _token(settings: AdminSettings, environ: Mapping[str, str]) -> str:
    if not settings.named:
        raise Forbidden(
            "the admin routes are off: turn them on by gateway.admin.token_env, the name of an environment variable "
            "with a token, or token_file"
        )
    if why := fault(settings, environ):
        raise Forbidden(f"the admin routes are off: for the gateway, {why}")
    return _found(settings, environ)


def fault(settings: AdminSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Say why the token that *settings* name opens nothing, or None when it does, or none is named."""
    where = settings.token_env or settings.token_file
    if where is None or len(_found(settings, environ)) >= LEAST_CHARS:
        return None
    return f"{where} holds no token of {LEAST_CHARS} characters or more"


def _found(settings: AdminSettings, environ: Mapping[str, str]) -> str:
    if settings.token_env:
        return environ.get(settings.token_env, "")
    return _read(Path(settings.token_file)) if settings.token_file else ""


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
