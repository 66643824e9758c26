"""From what a remote server answered in the place of an answer to an error of the one tree."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from deployments.errors import (
    BodyTooLarge,
    ContextTooLong,
    EngineFailed,
    Invalid,
    Misconfigured,
    Overloaded,
    Rejected,
    ServingError,
    UnsupportedMedia,
)
from deployments.telemetry.logs import event

_SHOWN = 500
_LONGEST_WAIT_S = 3600.0
_RETRY_AFTER_S = 5.0
_TOO_LONG = re.compile(r"context[_ ]length|context window|prompt is too long", re.IGNORECASE)
_FULL = frozenset({429, 503, 529})
_OURS = frozenset({401, 402, 403, 404, 405, 407, 410})
_INVALID: Mapping[int, type[Invalid]] = {413: BodyTooLarge, 415: UnsupportedMedia}
_TIMEOUT = 408


def failure(name: str, status: int, headers: Mapping[str, str], body: bytes, key: str | None) -> ServingError:
    """Return the error of an HTTP answer that is no success.

    What the server says of its own settings and of our key is for the operator's log, without the words, in which some
    servers repeat the key; clients are told that the deployment is wrong.
    """
    message, code, param = _told(body, key)
    if status in _OURS or 300 <= status < 400:  # noqa: PLR2004
        event("remote_refused", logging.ERROR, model=name, status=status, code=_label(code))
        return Misconfigured(f"{name}: the server behind it refuses this deployment ({status})", retry_after_s=60.0)
    said = f"{name}: {message or f'the server behind it answered {status}'}"
    wait_s = retry_after_s(headers.get("retry-after"), datetime.now(UTC))
    if status in _FULL:
        return Overloaded(said, retry_after_s=_RETRY_AFTER_S if wait_s is None else wait_s)
    if status == _TIMEOUT or status >= 500:  # noqa: PLR2004
        return Rejected(said, retry_after_s=_RETRY_AFTER_S if wait_s is None else wait_s)
    if _TOO_LONG.search(f"{code} {message}"):
        return ContextTooLong(said, param=param)
    return _INVALID.get(status, Invalid)(said, param=param)


def broken(name: str, message: str, code: int | str | None, key: str | None) -> ServingError:
    """Return the error of a failure that came inside an answer."""
    said = f"{name}: {_hidden(message, key)}"
    full = str(code) in map(str, _FULL)
    return Overloaded(said, retry_after_s=_RETRY_AFTER_S) if full else EngineFailed(said)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        wait_s = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(_LONGEST_WAIT_S, max(0.0, wait_s))


def _told(body: bytes, key: str | None) -> tuple[str, str, str | None]:
    """Return the message, the code and the field at fault of the usual shapes of an error."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", "", None
    error: Any = told.get("error", told) if isinstance(told, dict) else told
    if not isinstance(error, dict):
        return (_hidden(error, key) if isinstance(error, str) else ""), "", None
    param = error.get("param")
    message = error.get("message") or error.get("detail") or ""
    return _hidden(str(message), key), str(error.get("code") or ""), param if isinstance(param, str) else None


def _hidden(message: str, key: str | None) -> str:
    shown = message.replace(key, "***") if key else message
    return shown[:_SHOWN]


def _label(code: str) -> str:
    return code if re.fullmatch(r"[a-z_]{1,60}", code) else ""
