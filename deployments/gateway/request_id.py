"""Choose a request's id: the client's own where it is fit for headers and logs, else a new one."""

from __future__ import annotations

import re
import uuid

HEADER = "x-request-id"
ANTHROPIC_HEADER = "request-id"  # where its clients look for it, only in answers
_SANE = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def request_id(sent: str | None) -> str:
    """Return *sent* if it is 1 to 128 printable ASCII characters without spaces, else a fresh id."""
    if sent is not None and _SANE.fullmatch(sent):
        return sent
    return uuid.uuid4().hex
