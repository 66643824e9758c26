"""Cut a stream of bytes into server-sent events (WHATWG HTML, 9.2), leaving their bytes as they are."""

from __future__ import annotations

import re

from deployments.errors import EngineFailed

_END = re.compile(rb"\r?\n\r?\n")
_LONGEST_END = 4
MOST_BYTES = 4 * 2**20


class Events:
    """Collects chunks of whatever size and returns the events that are complete, each with the blank line behind it."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """What came behind the last whole event."""
        return self._rest

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add *chunk*; raises EngineFailed for an event that is larger than any should be."""
        searched = max(0, len(self._rest) - _LONGEST_END)
        data, begin, events = self._rest + chunk, 0, []
        for end in _END.finditer(data, searched):
            events.append(data[begin : end.end()])
            begin = end.end()
        self._rest = data[begin:]
        if len(self._rest) > MOST_BYTES:
            raise EngineFailed(f"an event of more than {MOST_BYTES} bytes")
        return events


def payload(event: bytes) -> bytes:
    """Return an event's data, empty where it is a comment."""
    if event.startswith(b"data: ") and event.count(b"\n", 0, -2) == 0:
        return event[6:].strip()
    lines = (line.rstrip(b"\r") for line in event.split(b"\n"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
