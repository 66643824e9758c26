"""From the pieces that a socket gave to the server-sent events in them, each with the time at which it was whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Piece = tuple[float, bytes]  # when it was read, and what


def events_in(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the data of every server-sent event with the time at which its end arrived; raises ValueError."""
    unread = b""
    for at_s, data in _body(pieces):
        unread += data.replace(b"\r\n", b"\n")
        *whole, unread = unread.split(b"\n\n")
        for event in whole:
            if event.startswith(b"data:"):
                yield at_s, event[5:].strip()


def _body(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the payload of a chunked response; raises ValueError where it is none, or not whole."""
    reader = _Chunked()
    for at_s, data in pieces:
        payload = reader.feed(data)
        if payload:
            yield at_s, payload
    if not reader.ended:
        raise ValueError("the connection ended before the answer did" if reader.headed else "no answer")


class _Chunked:
    """Undo HTTP's chunked transfer coding, one piece after the other."""

    def __init__(self) -> None:
        self.headed = self.ended = False
        self._unread = b""
        self._left = 0  # bytes of the current chunk that are still to come, its closing line break included

    def feed(self, data: bytes) -> bytes:
        """Return the payload that became readable with *data*."""
        self._unread += data
        if not self.headed and not self._head():
            return b""
        payload = b""
        while self._unread and not self.ended:
            if not self._left and not self._size():
                break
            taken, self._unread = self._unread[: self._left], self._unread[self._left :]
            payload += taken[: max(0, self._left - 2)]
            self._left -= len(taken)
        return payload

    def _head(self) -> bool:
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        if not found:
            return False
        status = head.split(b" ", 2)[1] if head.count(b" ") else b"?"
        if status != b"200":
            raise ValueError(f"status {status.decode()}: {rest[:300].decode('utf-8', 'replace')}")
        if b"transfer-encoding: chunked" not in head.lower():
            raise ValueError("the answer is not chunked")
        self.headed, self._unread = True, rest
        return True

    def _size(self) -> bool:
        line, found, rest = self._unread.partition(b"\r\n")
        if not found:
            return False
        size = int(line.split(b";")[0], 16)
        self._unread = rest
        self.ended = size == 0
        self._left = size + 2 if size else 0
        return not self.ended
