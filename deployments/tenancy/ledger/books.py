"""What a ledger writes down: accounts, and the holds that requests have on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from deployments.tenancy.ledger.lines import Line, Statement
from deployments.tenancy.ledger.rules import Flow


class Part(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One line of a hold, and where it is a rate's, what it put into the bucket."""

    line: Line
    flow: Flow = Flow()


class Hold(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What one request holds; at *due_us* an open one lapses, and one that is over is forgotten."""

    state: Literal["open", "lapsed", "settled"]
    due_us: int
    parts: tuple[Part, ...] = ()


class Books(Protocol):
    """Where accounts and holds are written; an account that nobody wrote is empty."""

    def quota(self, account: str) -> Statement: ...

    def put_quota(self, account: str, state: Statement, until_us: int | None) -> None: ...

    def rate(self, account: str) -> int: ...

    def put_rate(self, account: str, empty_us: int) -> None: ...

    def hold(self, name: str) -> Hold | None: ...

    def put_hold(self, name: str, hold: Hold) -> None: ...

    def forget(self, name: str) -> None: ...

    def due(self, now_us: int, most: int) -> Sequence[str]: ...
