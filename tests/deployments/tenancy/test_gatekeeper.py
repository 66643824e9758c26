"""The gate: who gets in, with what, and what is settled in the end, on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from deployments.errors import (
    BudgetExhausted,
    Forbidden,
    RateLimited,
    StoreUnavailable,
    Unauthorized,
    UnknownModel,
)
from deployments.tenancy.gatekeeper import LONGEST_US, Asked, Gatekeeper
from deployments.tenancy.grant import Grant
from deployments.tenancy.holding import PARTS
from deployments.tenancy.identification import Identification
from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.keys.issuing import Wanted, create
from deployments.tenancy.keys.lookup import KeyLookup
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.lease import Lease
from deployments.tenancy.ledger.lines import Line, Settled
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.limits.usage import Usage
from deployments.tenancy.refused import Refusal
from deployments.tenancy.rights import Rights, TenantRights
from deployments.tenancy.stores.away import StoreAwayError

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
LEASE = Lease(us=60 * SECOND)
BUDGET = {"tokens": 1000, "per": "ever"}
ACCOUNT = "tenant acme|tokens|ever"


class Breakable:
    """A ledger that can be away, and counts the steps taken."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.away, self.steps = ledger, False, 0

    async def reserve(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Any:
        return await self._step(lambda: self.ledger.reserve(hold, lines, now_us, lease_us))

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Any:
        return await self._step(lambda: self.ledger.extend(hold, lines, now_us, lease_us))

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        return await self._step(lambda: self.ledger.settle(hold, used, now_us))

    async def statement(self, account: str, now_us: int) -> Any:
        return await self.ledger.statement(account, now_us)

    async def _step(self, step: Callable[[], Awaitable[Any]]) -> Any:
        self.steps += 1
        if self.away:
            raise StoreAwayError("gone")
        return await step()


class Everyone:
    """Holds that a credential is its holder's name."""

    def __init__(self, **scopes: Scopes) -> None:
        self._scopes = scopes

    async def holder(self, text: str, now_s: float) -> Identity:
        return Identity(tenant=text, key=f"{text}-key", scopes=self._scopes.get(text, Scopes()))


def gate(ledger: Any, *, limits: dict[str, Any] | None = None, **more: Any) -> Gatekeeper:
    names = count()
    tenant = {name: Allotment.model_validate(more.pop(name, {})) for name in ("each_key",)}
    models = {name: Allotment.model_validate(one) for name, one in more.pop("tenant_models", {}).items()}
    everywhere = {name: Allotment.model_validate(one) for name, one in more.pop("models", {}).items()}
    acme = TenantRights(limits=Allotment.model_validate(limits or {}), models=models, **tenant)
    return Gatekeeper(
        more.pop("holders", Everyone()),
        ledger,
        Rights(tenants={"acme": acme, "other": TenantRights()}, models=everywhere),
        new_hold=lambda: f"hold {next(names)}",
        lease=LEASE,
        **more,
    )


def asked(tokens: int = 0, entry: str = "auto") -> Asked:
    return Asked(entry=entry, kind="node", most=Usage(tokens=tokens))


async def admitted(gatekeeper: Gatekeeper, tokens: int = 0, who: str = "acme", now: int = NOW) -> Grant:
    grant = await gatekeeper.admit({"authorization": f"Bearer {who}"}, asked(tokens), now)
    assert isinstance(grant, Grant), grant
    return grant


async def refused(gatekeeper: Gatekeeper, tokens: int = 0, who: str = "acme", now: int = NOW) -> Refusal:
    refusal = await gatekeeper.admit({"authorization": f"Bearer {who}"}, asked(tokens), now)
    assert isinstance(refusal, Refusal), refusal
    return refusal


async def test_a_key_opens_the_gate(keys: KeyStore, ledger: Ledger) -> None:
    """The whole way: a real key, a real store, both headers that clients use."""
    key = await create(keys, b"p" * 16, Wanted(tenant="acme"), NOW / 1e6)
    gatekeeper = gate(ledger, holders=Identification(KeyLookup(keys, b"p" * 16)), limits={"budgets": [BUDGET]})
    for headers in ({"authorization": f"bearer  {key.text()}"}, {"x-api-key": key.text()}):
        grant = await gatekeeper.admit(headers, asked(10), NOW)
        assert isinstance(grant, Grant)
        assert grant.who.tenant == "acme"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "without a credential"),
        ({"authorization": "Basic YTpi"}, "not Bearer"),
        ({"authorization": "Bearer "}, "without a credential"),
        ({"authorization": "Bearer a", "x-api-key": "b"}, "two different"),
        ({"authorization": "Bearer " + "x" * 20_000}, "neither"),
        ({"authorization": "Bearer ключ"}, "neither"),
        ({"authorization": "Bearer sk-somebody-elses"}, "not an API key of this cluster"),
        ({"authorization": "Bearer tercet_mistyped"}, "mistyped"),
    ],
)
async def test_nobody_gets_in_without_a_good_credential(
    keys: KeyStore, ledger: Ledger, headers: dict[str, str], told: str
) -> None:
    """And is told what to send."""
    refusal = await gate(ledger, holders=Identification(KeyLookup(keys, b"p" * 16))).admit(headers, asked(), NOW)
    assert isinstance(refusal, Refusal)
    assert isinstance(refusal.error, Unauthorized)
    assert told in refusal.error.message


async def test_a_tenant_that_is_gone_is_not_served(ledger: Ledger) -> None:
    """However good its key is."""
    assert isinstance((await refused(gate(ledger), who="ghost")).error, Forbidden)


async def test_what_a_caller_may_not_ask_for_is_not_there(ledger: Ledger) -> None:
    """By its key or its tenant; adapters come with a model of which all are allowed, one by its name."""
    acme = Scopes(models=frozenset({"dense:*", "moe", "tiny:legal"}))
    gatekeeper = gate(ledger, holders=Everyone(acme=acme, other=Scopes(nodes=frozenset(), admin=True)))
    narrow = TenantRights(scopes=Scopes(models=frozenset({"dense", "dense:ad", "tiny:*"})))
    gatekeeper.rights = Rights(tenants={"acme": narrow, "other": narrow})

    async def may(who: str, entry: str, kind: Any) -> bool:
        answer = await gatekeeper.admit({"x-api-key": who}, Asked(entry=entry, kind=kind), NOW)
        assert isinstance(answer, Grant) or isinstance(answer.error, UnknownModel)
        return isinstance(answer, Grant)

    names = ("dense", "dense:ad", "dense:other", "moe", "tiny", "tiny:legal", "tiny:ad")
    assert [name for name in names if await may("acme", name, "model")] == ["dense", "dense:ad", "tiny:legal"]
    assert (await may("acme", "auto", "node"), await may("other", "auto", "node")) == (True, False)
    who = await gatekeeper.identify({"x-api-key": "other"}, NOW)
    assert isinstance(who, Identity)
    assert gatekeeper.rights.scopes(who) == replace(narrow.scopes, nodes=frozenset())


async def test_what_is_used_is_settled_and_the_rest_given_back(ledger: Ledger) -> None:
    """The headers tell what was left at the beginning."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET], "requests_per_minute": 60})
    grant = await admitted(gatekeeper, 800)
    assert grant.headers["x-ratelimit-remaining-tokens"] == "200"
    assert grant.headers["x-ratelimit-remaining-requests"] == "59"
    for _ in range(30):
        await grant.spend(Usage(tokens=10), NOW)
    assert await gatekeeper.settle(grant, NOW) == Settled()
    state = await ledger.statement(ACCOUNT, NOW)
    assert (state.settled, state.reserved, state.overrun) == (300, 0, 0)
    assert await gatekeeper.settle(grant, NOW) == Settled(again=True)


async def test_the_gate_closes_before_the_budget_is_overdrawn(ledger: Ledger) -> None:
    """By what requests may come to, not by what they came to so far."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    first = await admitted(gatekeeper, 900)
    refusal = await refused(gatekeeper, 101)
    assert isinstance(refusal.error, BudgetExhausted)
    assert refusal.headers["x-ratelimit-remaining-tokens"] == "100"
    await gatekeeper.settle(first, NOW)
    await admitted(gatekeeper, 1000)


async def test_each_key_has_limits_of_its_own_within_its_tenants(ledger: Ledger) -> None:
    """The key's is reached first, and said to be."""
    gatekeeper = gate(ledger, each_key={"requests_per_minute": 2}, limits={"requests_per_minute": 100})
    await admitted(gatekeeper)
    await admitted(gatekeeper)
    refusal = await refused(gatekeeper)
    assert isinstance(refusal.error, RateLimited)
    assert refusal.error.message.startswith("key acme-key: ")
    assert refusal.error.retry_after_s == 30.0
    await admitted(gatekeeper, now=NOW + 30 * SECOND)


async def test_a_place_is_taken_for_as_long_as_the_request_lasts(ledger: Ledger) -> None:
    """Or until its lease is over, where its gateway died."""
    gatekeeper = gate(ledger, limits={"concurrent": 1})
    grant = await admitted(gatekeeper)
    await refused(gatekeeper, now=NOW + LEASE.us - 1)
    await gatekeeper.settle(grant, NOW + SECOND)
    await admitted(gatekeeper, now=NOW + SECOND)
    await admitted(gatekeeper, now=NOW + SECOND + LEASE.us)


async def test_the_store_is_asked_a_few_times_a_request_at_most(ledger: Ledger) -> None:
    """However many frames an answer has."""
    counted = Breakable(ledger)
    gatekeeper = gate(counted, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 800)
    for _ in range(800):
        await grant.spend(Usage(tokens=1), NOW)
    await gatekeeper.settle(grant, NOW)
    assert counted.steps <= PARTS + 2


async def test_without_limits_the_store_is_never_asked(ledger: Ledger) -> None:
    """And a broken one harms nobody."""
    counted = Breakable(ledger)
    counted.away = True
    gatekeeper = gate(counted)
    grant = await admitted(gatekeeper, 800)
    await grant.spend(Usage(tokens=5), NOW)
    await gatekeeper.enter(grant, "dense", Usage(tokens=5), NOW)
    assert await gatekeeper.settle(grant, NOW) == Settled()
    assert counted.steps == 0


async def test_a_killed_gateway_is_charged_for_what_it_wrote_ahead(ledger: Ledger) -> None:
    """Never less than it used, and a quarter of the request more at most."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 800)
    await grant.spend(Usage(tokens=250), NOW)
    state = await ledger.statement(ACCOUNT, NOW + LEASE.us)
    assert 250 <= state.settled <= 250 + 800 // PARTS
    assert state.reserved == 0


async def test_more_than_expected_is_held_as_it_comes(ledger: Ledger) -> None:
    """An estimate that was too low is no way around the budget: the answer ends where nothing is left."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 10)
    for _ in range(1000):
        await grant.spend(Usage(tokens=1), NOW)
    with pytest.raises(BudgetExhausted):
        await grant.spend(Usage(tokens=1), NOW)
    other = await refused(gatekeeper, 1)
    assert isinstance(other.error, BudgetExhausted)
    assert await gatekeeper.settle(grant, NOW) == Settled(overrun={ACCOUNT: 1})
    state = await ledger.statement(ACCOUNT, NOW)
    assert (state.settled, state.overrun) == (1000, 1)


async def test_a_rate_that_was_estimated_too_low_is_paid_for_afterwards(ledger: Ledger) -> None:
    """No answer ends in the middle for it, and the next one waits longer."""
    counted = Breakable(ledger)
    gatekeeper = gate(counted, limits={"tokens_per_minute": 60})
    grant = await admitted(gatekeeper, 10)
    for _ in range(90):
        await grant.spend(Usage(tokens=1), NOW)
    await gatekeeper.settle(grant, NOW)
    assert counted.steps == 2
    assert (await refused(gatekeeper, 10)).error.retry_after_s == 40.0


async def test_whoever_leaves_while_being_let_in_leaves_nothing_behind(ledger: Ledger) -> None:
    """Whether or not the store had done its part."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET], "concurrent": 1})
    entering = asyncio.create_task(admitted(gatekeeper, 400))
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert await gatekeeper.tend(NOW) == 0
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 0
    await admitted(gatekeeper, 1000)


async def test_branches_hold_what_each_model_comes_to(ledger: Ledger) -> None:
    """A hedge that goes to a second model needs as much again, of the model's limits and of the tenant's budget."""
    gatekeeper = gate(
        ledger,
        limits={"budgets": [BUDGET]},
        tenant_models={"dense": {"budgets": [{"tokens": 500, "per": "ever"}]}},
        models={"moe": {"concurrent": 1}},
    )
    grant = await admitted(gatekeeper, 400)
    await gatekeeper.enter(grant, "dense", Usage(tokens=400), NOW)
    await gatekeeper.enter(grant, "moe", Usage(tokens=400), NOW)
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 800
    assert (await ledger.statement("tenant acme, model dense|tokens|ever", NOW)).reserved == 400
    with pytest.raises(BudgetExhausted, match="model dense"):
        await gatekeeper.enter(grant, "dense", Usage(tokens=101), NOW)
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 800
    second = await admitted(gatekeeper, 10)
    with pytest.raises(RateLimited, match="model moe"):
        await gatekeeper.enter(second, "moe", Usage(tokens=10), NOW)
    await grant.spend(Usage(tokens=30), NOW, "dense")
    await grant.spend(Usage(tokens=50), NOW, "moe")
    await gatekeeper.settle(grant, NOW)
    await gatekeeper.settle(second, NOW)
    assert (await ledger.statement(ACCOUNT, NOW)).settled == 80
    assert (await ledger.statement("tenant acme, model dense|tokens|ever", NOW)).settled == 30
    await gatekeeper.enter(await admitted(gatekeeper, 10), "moe", Usage(tokens=10), NOW)


async def test_a_branch_that_failed_leaves_its_part_to_the_next(ledger: Ledger) -> None:
    """A fallback needs no more than one answer's room, whatever was tried before; but two at once need two."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 900)
    for model in ("dense", "moe", "dense"):
        branch = await gatekeeper.enter(grant, model, Usage(tokens=900), NOW)
        await branch.spend(Usage(tokens=10), NOW)
        branch.leave()
        branch.leave()
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 920
    running = await gatekeeper.enter(grant, "moe", Usage(tokens=900), NOW)
    with pytest.raises(BudgetExhausted):
        await gatekeeper.enter(grant, "dense", Usage(tokens=900), NOW)
    await running.spend(Usage(tokens=900), NOW)
    assert await gatekeeper.settle(grant, NOW) == Settled()
    assert (await ledger.statement(ACCOUNT, NOW)).settled == 930


async def test_a_model_may_be_limited_where_nothing_else_is(ledger: Ledger) -> None:
    """The hold is then opened by the first branch."""
    gatekeeper = gate(ledger, models={"dense": {"budgets": [{"tokens": 50, "per": "ever"}]}})
    grant = await admitted(gatekeeper, 40)
    await gatekeeper.enter(grant, "dense", Usage(tokens=40), NOW)
    other = await admitted(gatekeeper, 40, who="other")
    with pytest.raises(BudgetExhausted):
        await gatekeeper.enter(other, "dense", Usage(tokens=40), NOW)
    await grant.spend(Usage(tokens=8), NOW, "dense")
    await gatekeeper.settle(grant, NOW)
    assert (await ledger.statement("model dense|tokens|ever", NOW)).settled == 8


async def test_tending_keeps_long_requests_alive(ledger: Ledger) -> None:
    """A request may wait in a queue for longer than a lease."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 900)
    for step in range(1, 10):
        assert await gatekeeper.tend(NOW + step * LEASE.us // 2) == 0
    later = NOW + 5 * LEASE.us
    await refused(gatekeeper, 200, now=later - 1)
    await grant.spend(Usage(tokens=900), later - 1)
    await gatekeeper.settle(grant, later)
    assert (await ledger.statement(ACCOUNT, later)).settled == 900


async def test_a_hold_that_was_lost_ends_the_answer(ledger: Ledger) -> None:
    """What nobody holds nobody may use; what was used before is charged."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 800)
    late = NOW + LEASE.us
    with pytest.raises(StoreUnavailable, match="lost"):
        await grant.spend(Usage(tokens=5), late)
    told = await gatekeeper.settle(grant, late)
    assert told is not None
    assert told.late
    assert (await ledger.statement(ACCOUNT, late)).settled == 5


async def test_an_outage_is_survived_by_requests_under_way(ledger: Ledger) -> None:
    """Within their hold and its lease; what could not be settled is, once the store is back."""
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits={"budgets": [BUDGET]})
    grant, long = await admitted(gatekeeper, 400), await admitted(gatekeeper, 400)
    breakable.away = True
    await grant.spend(Usage(tokens=300), NOW + 40 * SECOND)
    assert await gatekeeper.settle(grant, NOW + 40 * SECOND) is None
    assert await gatekeeper.tend(NOW + 41 * SECOND) == 1
    with pytest.raises(StoreUnavailable):
        await long.spend(Usage(tokens=1), NOW + 58 * SECOND)
    breakable.away = False
    assert await gatekeeper.tend(NOW + 59 * SECOND) == 0
    await long.spend(Usage(tokens=1), NOW + 59 * SECOND)
    await gatekeeper.settle(long, NOW + 59 * SECOND)
    state = await ledger.statement(ACCOUNT, NOW + 59 * SECOND)
    assert (state.settled, state.reserved, state.overrun) == (302, 0, 0)


@pytest.mark.parametrize(
    ("uncounted", "limits", "let_in"),
    [
        (False, {"requests_per_minute": 5}, False),
        (True, {"requests_per_minute": 5}, True),
        (True, {"requests_per_minute": 5, "budgets": [BUDGET]}, False),
    ],
)
async def test_an_outage_lets_in_whom_the_configuration_says(
    ledger: Ledger, uncounted: bool, limits: dict[str, Any], let_in: bool
) -> None:
    """Never anybody with a budget."""
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits=limits, uncounted=uncounted)
    breakable.away = True
    if not let_in:
        refusal = await refused(gatekeeper)
        assert isinstance(refusal.error, StoreUnavailable)
        assert refusal.error.retry_after_s is not None
        return
    grant = await admitted(gatekeeper)
    await gatekeeper.enter(grant, "dense", Usage(tokens=5), NOW)
    assert await gatekeeper.settle(grant, NOW) == Settled()


async def test_a_settlement_that_was_cancelled_is_made_up_for(ledger: Ledger) -> None:
    """A client that leaves at the very end costs what it cost."""
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 400)
    await grant.spend(Usage(tokens=7), NOW)
    settling = asyncio.create_task(gatekeeper.settle(grant, NOW))
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert await gatekeeper.tend(NOW) == 0
    assert (await ledger.statement(ACCOUNT, NOW)).settled == 7


async def test_branches_that_spend_at_once_are_counted_together(ledger: Ledger) -> None:
    """None of them covers itself with what another has used."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    grant = await admitted(gatekeeper, 1000)

    async def branch(model: str) -> None:
        for _ in range(100):
            await grant.spend(Usage(tokens=2), NOW, model)

    await asyncio.gather(*(branch(model) for model in ("a", "b", "c", "d")))
    await gatekeeper.settle(grant, NOW)
    assert (await ledger.statement(ACCOUNT, NOW)).settled == 800


async def test_what_is_used_beyond_a_budget_is_told(ledger: Ledger) -> None:
    """Whether it is settled at once or later."""
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits={"budgets": [{"tokens": 10, "per": "ever"}]})
    told: list[tuple[str, int]] = []
    gatekeeper.settling.overran = lambda unit, amount: told.append((unit, amount))
    for away, used in ((False, 12), (True, 5)):
        grant = await gatekeeper.grant(Identity(tenant="acme", key="k"), Usage(), NOW)
        assert isinstance(grant, Grant)
        grant.note(Usage(tokens=used))
        breakable.away = away
        await gatekeeper.settle(grant, NOW)
        breakable.away = False
    assert await gatekeeper.tend(NOW) == 0
    assert told == [("tokens", 2), ("tokens", 5)]


async def test_one_hold_that_cannot_be_renewed_stops_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are, and what waits is settled."""
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits={"budgets": [BUDGET]})
    who = Identity(tenant="acme", key="k")
    broken, ended, other = [await gatekeeper.grant(who, Usage(tokens=1), NOW) for _ in range(3)]
    assert isinstance(broken, Grant)
    assert isinstance(ended, Grant)
    assert isinstance(other, Grant)

    async def renew(now_us: int) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(broken, "renew", renew)
    breakable.away = True
    assert await gatekeeper.settle(ended, NOW) is None
    breakable.away = False
    assert await gatekeeper.tend(NOW + LEASE.us // 2) == 0
    assert (await ledger.statement(ACCOUNT, NOW + LEASE.us + 1)).reserved == 1


async def test_who_was_let_in_uncounted_is_looked_after(ledger: Ledger) -> None:
    """A model that it reaches when the store is back may count, and what it holds there must not lapse."""
    breakable = Breakable(ledger)
    limits = {"concurrent": 5}
    gatekeeper = gate(breakable, limits=limits, tenant_models={"dense": {"budgets": [BUDGET]}}, uncounted=True)
    breakable.away = True
    grant = await gatekeeper.grant(Identity(tenant="acme", key="k"), Usage(), NOW)
    assert isinstance(grant, Grant)
    breakable.away = False
    await gatekeeper.enter(grant, "dense", Usage(tokens=7), NOW)
    await gatekeeper.tend(NOW + LEASE.us // 2)
    account = "tenant acme, model dense|tokens|ever"
    assert (await ledger.statement(account, NOW + LEASE.us + 1)).reserved == 7
    assert not gatekeeper.idle
    await gatekeeper.settle(grant, NOW)


async def test_what_nobody_ends_is_not_held_for_ever(ledger: Ledger) -> None:
    """A day is longer than any request: its hold lapses with its lease, at what was written down."""
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]})
    await admitted(gatekeeper, 1000)
    await gatekeeper.tend(NOW + LEASE.us // 2)
    assert not gatekeeper.idle
    late_us = NOW + LONGEST_US + 1
    await gatekeeper.tend(late_us)
    assert gatekeeper.idle
    assert (await ledger.statement(ACCOUNT, late_us + LEASE.us)).reserved == 0


async def test_the_first_branch_asks_for_nothing_that_was_held_ahead(ledger: Ledger) -> None:
    breakable = Breakable(ledger)
    gatekeeper = gate(breakable, limits={"budgets": [BUDGET]})
    who, most = Identity(tenant="acme", key="acme-key", scopes=Scopes()), Usage(tokens=300)
    grant = await gatekeeper.grant(who, Usage(tokens=100), NOW, {"dense": most})
    assert isinstance(grant, Grant)
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 300
    branch = await gatekeeper.enter(grant, "dense", most, NOW)
    assert breakable.steps == 1
    await gatekeeper.enter(grant, "dense", most, NOW)
    assert (await ledger.statement(ACCOUNT, NOW)).reserved == 600, "a hedge holds that much more"
    await branch.spend(Usage(tokens=40), NOW)
    await gatekeeper.settle(grant, NOW)
    state = await ledger.statement(ACCOUNT, NOW)
    assert (state.settled, state.reserved) == (40, 0)


async def test_nothing_is_held_ahead_for_a_model_with_limits_of_its_own(ledger: Ledger) -> None:
    gatekeeper = gate(ledger, limits={"budgets": [BUDGET]}, models={"dense": {"calls_per_day": 1}})
    who = Identity(tenant="acme", key="acme-key", scopes=Scopes())
    for _ in range(2):
        grant = await gatekeeper.grant(who, Usage(tokens=100), NOW, {"dense": Usage(tokens=300)})
        assert isinstance(grant, Grant)
        assert (await ledger.statement(ACCOUNT, NOW)).reserved == 100, "what never gets there uses none of its calls"
        await gatekeeper.settle(grant, NOW)
