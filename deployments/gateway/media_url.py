"""Which addresses of media are let through: data URLs, and plain URLs of hosts that the configuration names.

URL parsers disagree about user names, backslashes, trailing dots, numbers and scripts. Nothing is parsed here: only
what has one reading passes, and its host is compared as text.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_DATA = re.compile(r"data:(?:[a-z0-9.+-]+/[a-z0-9.+-]+)?(?:;[a-z0-9._+=-]+)*;base64,", re.ASCII | re.IGNORECASE)
_PLAIN = re.compile(r"(https?)://([a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?(?:/[!-\[\]-~]*)?", re.ASCII | re.IGNORECASE)
_OWN_PORT = {"http": "80", "https": "443"}
_HEAD_CHARS = 300


def refusal(url: str, allowed: Collection[str]) -> str | None:
    """Say why *url* may not be read, None where it may; *allowed* are hosts, with a port where it is not the usual."""
    if url[:5].lower() == "data:":
        written = _DATA.match(url[:_HEAD_CHARS])
        return None if written else "is not a data URL such as data:image/png;base64,...; only base64 is read"
    if url[:5].lower() == "file:":
        return "is a file: files are never read from this machine; send a data URL"
    plain = _PLAIN.fullmatch(url)
    if plain is None:
        return "is neither a data URL nor a plain http or https URL (scheme://host/path in ASCII, with no user name)"
    scheme, host, port = plain[1].lower(), plain[2].lower(), plain[3]
    own = port is None or port == _OWN_PORT[scheme]
    if (host if own else f"{host}:{port}") in allowed or (own and f"{host}:{_OWN_PORT[scheme]}" in allowed):
        return None
    return f"is on {host}, which is not among the hosts that may be asked; send a data URL"
