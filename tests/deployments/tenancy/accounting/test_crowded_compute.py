"""A budget of devices' time, on a gateway that knows no model's pace yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from deployments.errors import BudgetExhausted
from deployments.request import Frame, Request
from deployments.tenancy.accounting.account import RequestAccount
from deployments.tenancy.accounting.estimate import estimate
from deployments.tenancy.accounting.paces import Paces
from deployments.tenancy.grant import Grant
from deployments.tenancy.identity import Identity
from deployments.tenancy.ledger.store import Ledger
from tests.deployments.tenancy.test_gatekeeper import NOW, gate

BUDGET_S, EACH_S = 10.0, 1.5
ASKED = Request(
    endpoint="chat",
    model="dense",
    body={"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100},
    stream=True,
)


async def test_a_crowd_at_once_stays_within_it(ledger: Ledger) -> None:
    """What nobody has measured is held as if it were slow: fifty of 1.5 s would come to 75 s."""
    gatekeeper = gate(ledger, limits={"budgets": [{"compute": BUDGET_S, "per": "ever"}]})
    paces, worked = Paces(), []

    async def frames(_: Request) -> AsyncGenerator[Frame]:
        yield Frame(data=b"x", tokens=100)
        worked.append(EACH_S)
        yield Frame(data=b"", prompt_tokens=10, seconds=EACH_S)

    async def asks() -> None:
        granted = await gatekeeper.grant(Identity(tenant="acme", key="k"), estimate(ASKED).usage, NOW)
        assert isinstance(granted, Grant)
        account = RequestAccount(gatekeeper, granted, {}, paces, lambda: NOW, lambda _: None)
        try:
            async for _ in await account.over("dense", ASKED, frames, blind=False):
                await asyncio.sleep(0)
        except BudgetExhausted:
            return
        finally:
            await account.end()

    await asyncio.gather(*(asks() for _ in range(50)))
    kept = await ledger.statement("tenant acme|compute|ever", NOW)
    assert (kept.settled, kept.reserved, kept.overrun) == (sum(worked) * 1e6, 0, 0)
    assert 0 < sum(worked) <= BUDGET_S


async def test_what_a_template_adds_is_held_once_it_was_seen(ledger: Ledger) -> None:
    """No body tells of it; the next request is refused where there is no room for it."""
    gatekeeper = gate(ledger, limits={"budgets": [{"tokens": 4800, "per": "ever"}]})
    paces, read = Paces(), estimate(ASKED).prompt_most + 1500

    async def frames(_: Request) -> AsyncGenerator[Frame]:
        yield Frame(data=b"x", tokens=100, prompt_tokens=read)

    async def asks() -> str:
        granted = await gatekeeper.grant(Identity(tenant="acme", key="k"), estimate(ASKED).usage, NOW)
        assert isinstance(granted, Grant)
        account = RequestAccount(gatekeeper, granted, {}, paces, lambda: NOW, lambda _: None)
        try:
            async for _ in await account.over("dense", ASKED, frames, blind=False):
                pass
        except BudgetExhausted:
            return "refused before anything was made"
        finally:
            await account.end()
        return "answered"

    assert [await asks() for _ in range(3)] == ["answered", "answered", "refused before anything was made"]
    assert (await ledger.statement("tenant acme|tokens|ever", NOW)).settled == 2 * (read + 100)
