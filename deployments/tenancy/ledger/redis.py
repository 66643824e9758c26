"""The ledger in Redis: every step is one run of ``posting.lua``, and gateways of all machines share it.

What Redis loses, the ledger loses: give the server ``appendonly yes`` and ``maxmemory-policy noeviction``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from deployments.tenancy.ledger import rules
from deployments.tenancy.ledger.lines import (
    Balance,
    Granted,
    Line,
    Lost,
    Quota,
    Refused,
    Settled,
    Statement,
    distinct,
)
from deployments.tenancy.ledger.store import ALL_DUE, DUE_AT_ONCE, KEPT_US, LAPSED_US, SETTLED_US
from deployments.tenancy.stores.redis_server import RedisServer

# One script: each part knows what those before it define.
_PARTS = [Path(__file__).with_name(name) for name in ("books.lua", "rules.lua", "posting.lua")]


class RedisLedger:
    """A ``Ledger`` on *server*."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._due = server.key("ledger")
        self._script = server.script(*_PARTS)

    async def reserve(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Hold every line, or none."""
        return await self._take("reserve", hold, distinct(lines), now_us, lease_us)

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Raise an open hold and begin its lease anew."""
        return await self._take("extend", hold, distinct(lines), now_us, lease_us)

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Close a hold at what was used."""
        outcome, *over = await self._step("settle", hold, now_us, payload=dict(used))
        return Settled(
            known=outcome != b"unknown",
            again=outcome == b"again",
            late=outcome == b"late",
            overrun={account.decode(): amount for account, amount in over},
        )

    async def statement(self, account: str, now_us: int) -> Statement:
        """Return a quota's account."""
        return _state(await self._step("statement", account, now_us, most=ALL_DUE))

    async def _take(
        self, step: str, hold: str, lines: Sequence[Line], now_us: int, lease_us: int
    ) -> Granted | Refused | Lost:
        outcome, *told = await self._step(step, hold, now_us, lease_us, payload=[_written(line) for line in lines])
        if outcome == b"lost":
            return Lost()
        if outcome == b"refused":
            at, extra, *state = told
            return _refused(lines[at - 1], extra, state, now_us)
        return Granted(balances=tuple(_balance(line, state, now_us) for line, state in zip(lines, told, strict=True)))

    async def _step(
        self, step: str, name: str, now_us: int, lease_us: int = 0, most: int = DUE_AT_ONCE, payload: Any = None
    ) -> Any:
        numbers = map(str, (now_us, lease_us, LAPSED_US, SETTLED_US, most))
        return await self._server.run(
            self._script, [self._due], [step, name, *numbers, msgspec.json.encode(payload)]
        )  # fmt: skip


def _written(line: Line) -> list[Any]:
    if isinstance(line, Quota):
        kept_until_us = -1 if line.until_us is None else line.until_us + KEPT_US
        return ["q", line.account, line.amount, line.sunk, line.limit, kept_until_us]
    return ["r", line.account, line.amount, line.sunk, line.per_minute, line.burst]


def _state(row: Sequence[int]) -> Statement:
    settled, reserved, overrun = row
    return Statement(settled=settled, reserved=reserved, overrun=overrun)


def _balance(line: Line, row: Sequence[int], now_us: int) -> Balance:
    if isinstance(line, Quota):
        return rules.quota_balance(line, _state(row), now_us)
    return rules.rate_balance(line, row[0], now_us)


def _refused(line: Line, extra: int, row: Sequence[int], now_us: int) -> Refused:
    refused = (
        rules.quota_refusal(line, extra, _state(row), now_us)
        if isinstance(line, Quota)
        else rules.rate_refusal(line, extra, row[0], now_us)
    )
    assert refused is not None, "the script and the rules differ"  # noqa: S101 - the contract suite compares them
    return refused
