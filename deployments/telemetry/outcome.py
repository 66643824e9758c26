"""How a request ended."""

from __future__ import annotations

from dataclasses import dataclass

_OK = "ok"
_LEFT = "client_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``outcome`` is ``ok``, ``client_…`` or an error's code.

    Times are in seconds since the request arrived; ``ttft_s`` is None where no token came.
    """

    outcome: str
    duration_s: float
    ttft_s: float | None = None

    @property
    def ok(self) -> bool:
        """Say whether the client has its whole answer."""
        return self.outcome == _OK

    @property
    def left(self) -> bool:
        """Say whether the client did not wait for it."""
        return self.outcome.startswith(_LEFT)
