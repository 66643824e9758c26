"""Read and decode a request's body, within its limits."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest

from deployments.errors import BodyTooLarge, Invalid, UnsupportedMedia

MAX_DEPTH = 100
MAX_CONTAINERS = 50_000


async def read_json(http: HttpRequest, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object in the body; raises an Invalid that says what is wrong with it."""
    _check_media(http)
    return decode(await read_bytes(http, max_bytes))


async def read_bytes(http: HttpRequest, max_bytes: int) -> bytes:
    """Return the body; raise BodyTooLarge as soon as it is known to exceed *max_bytes*.

    What is left unread is the HTTP server's to discard, so that the client can finish sending and read the refusal.
    """
    too_large = BodyTooLarge(f"the body is larger than {max_bytes} bytes")
    if _declared_bytes(http) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _declared_bytes(http: HttpRequest) -> int:
    """Return the announced length, 0 where there is none to go by."""
    try:
        return int(http.headers.get("content-length", "0")[:20])
    except ValueError:
        return 0


def decode(body: bytes) -> dict[str, Any]:
    """Read a JSON object."""
    opened = body.count(b"[") + body.count(b"{")
    if opened > MAX_CONTAINERS:
        # Millions of empty lists fit a body that is allowed, and would hold the event loop for seconds.
        raise Invalid(f"the body opens {opened} arrays and objects; at most {MAX_CONTAINERS} are read")
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise Invalid("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise Invalid(f"the body must be a JSON object, not {_kind(value)}")
    if opened > MAX_DEPTH:
        _check_depth(value)
    return value


def _check_depth(value: dict[str, Any]) -> None:
    """Refuse what a later stage, which pickles or validates recursively, might fail on."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner = (child for outer in level for child in (outer.values() if isinstance(outer, dict) else outer))
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return
    raise Invalid(f"the body is nested too deeply; at most {MAX_DEPTH} levels are read")


def _check_media(http: HttpRequest) -> None:
    media = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        got = f"not {media[:100]!r}" if media else "and the request names no content type"
        raise UnsupportedMedia(f"the content type must be application/json, {got}")
    encoding = http.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMedia(f"the content encoding {encoding[:100]!r} is not supported; send the body uncompressed")


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "null")
