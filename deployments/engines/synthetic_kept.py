"""The responses that a synthetic engine keeps, so that they can be retrieved and gone on from."""

from __future__ import annotations

from deployments.engines.bounded import Bounded
from deployments.errors import Invalid, NotFound
from deployments.request import Request

ENTRIES = 1000
BYTES = 16 * 2**20


class Kept:
    """Bodies by id, with the conversation up to their end; the oldest of whoever keeps most are forgotten first."""

    def __init__(self) -> None:
        self._held: Bounded[tuple[str, bytes]] = Bounded(
            entries=ENTRIES, size=BYTES, weigh=lambda held: len(held[0]) + len(held[1])
        )

    def keep(self, response_id: str, conversation: str, body: bytes, owner: str = "") -> None:
        """Keep one response of *owner*."""
        self._held.keep(response_id, (conversation, body), owner)

    def before(self, request: Request) -> str:
        """Return what was said before *request*; raises NotFound where that is not known any more."""
        if request.body.get("background"):
            raise Invalid("background: a synthetic engine answers at once only; leave it out", param="background")
        previous = request.body.get("previous_response_id")
        return self._found(previous, "previous_response_id")[0] if previous else ""

    def answer(self, request: Request) -> bytes:
        """Return the body of the response that *request* asks for."""
        _, body = self._found(request.body.get("response_id", ""), "response_id")
        if request.endpoint == "response_cancel":
            raise Invalid("response_id: the response is complete, and cannot be cancelled", param="response_id")
        if request.stream:
            raise Invalid("stream: a synthetic engine keeps no events; retrieve the whole response", param="stream")
        return body

    def _found(self, response_id: str, field: str) -> tuple[str, bytes]:
        held = self._held.get(response_id)
        if held is None:
            raise NotFound(f"{field}: there is no response {response_id[:200]!r} any more", param=field)
        return held
