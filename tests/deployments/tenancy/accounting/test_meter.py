"""Answers counted and paid for, on a real ledger."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.errors import BudgetExhausted, Forbidden
from deployments.remote.spec import Price
from deployments.request import STRIDE, Frame, Head
from deployments.tenancy.accounting.estimate import Estimate
from deployments.tenancy.accounting.meter import AHEAD, ON_THE_WAY, Meter
from deployments.tenancy.accounting.paces import CAUTIOUS, Pace, Paces
from deployments.tenancy.accounting.tariff import Tariff
from deployments.tenancy.grant import Grant
from deployments.tenancy.identity import Identity
from deployments.tenancy.lease import Lease
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import claims
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.limits.usage import Usage
from deployments.tenancy.refused import Refusal
from deployments.tenancy.rights import Rights
from tests.deployments.tenancy.test_gatekeeper import gate

NOW = 1_800_000_000_000_000
PRICED = Tariff(price=Price(input_per_million=0.15, output_per_million=0.6))


def frames(tokens: list[int], prompt: int) -> list[Frame]:
    """Return an answer's frames; the last one tells the prompt."""
    last = len(tokens) - 1
    return [
        Frame(data=b"x", tokens=count, prompt_tokens=prompt if at == last else None) for at, count in enumerate(tokens)
    ]


async def opened(ledger: Ledger, name: str, **budget: int) -> Grant:
    limits = Allotment.model_validate({"budgets": [{**budget, "per": "ever"}]})
    grant = Grant(Identity(tenant="t", key="k"), ledger, name, Lease(), claims("t", limits, NOW), Usage())
    await grant.open(NOW)
    return grant


async def played(meter: Meter, answer: list[Frame]) -> None:
    try:
        for frame in answer:
            if not meter.saw(frame):
                await meter.pay(NOW)
    finally:
        meter.end()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tokens=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    guessed=st.integers(0, 50),
    prompt=st.integers(0, 50),
    read=st.integers(0, 30),
)
async def test_what_is_charged_is_what_came(
    ledger: Ledger, tokens: list[int], guessed: int, prompt: int, read: int
) -> None:
    """However it was cut, guessed, and however early it was left; ahead or not makes no difference in the end."""
    name = uuid4().hex
    before = await ledger.statement("t|tokens|ever", NOW)
    grant = await opened(ledger, name, tokens=10**9)
    branch = await grant.enter("dense", [], Usage(tokens=guessed + 10), NOW)
    answer = frames(tokens, prompt)[:read]
    await played(Meter(branch, Tariff(), Estimate(prompt=guessed, prompt_most=guessed, completion=10)), answer)
    await ledger.settle(name, grant.totals(), NOW)
    after = await ledger.statement("t|tokens|ever", NOW)
    told = prompt if len(answer) == len(tokens) else guessed
    assert after.settled - before.settled == (told + sum(tokens[:read]) if answer else 0)
    assert (after.reserved, after.overrun) == (0, 0)


@pytest.mark.parametrize(("expected", "least", "most"), [(300, 330, 330), (50, 310, 372)])
async def test_the_ledger_is_asked_seldom(ledger: Ledger, expected: int, least: int, most: int) -> None:
    """Not for every frame, also of an answer that outgrows what was expected; a known end is never paid beyond."""
    grant = await opened(ledger, "one", tokens=1000)
    branch = await grant.enter("dense", [], Usage(tokens=30 + expected), NOW)
    meter = Meter(branch, Tariff(), Estimate(prompt=10, prompt_most=30, completion=expected))
    waits = 0
    for frame in frames([1] * 300, 10):
        if not meter.saw(frame):
            waits += 1
            await meter.pay(NOW)
    meter.end()
    assert waits <= 300 / AHEAD + 3
    kept = await ledger.statement("t|tokens|ever", NOW)
    assert least <= kept.reserved <= most


async def test_what_comes_in_strides_is_paid_before_it_is_made(ledger: Ledger) -> None:
    """An answer that tells of many tokens at a time ends within its budget, not a stride beyond it."""
    grant = await opened(ledger, "one", tokens=500)
    branch = await grant.enter("dense", [], Usage(tokens=110), NOW)
    meter = Meter(branch, Tariff(), Estimate(prompt=10, prompt_most=10, completion=100), STRIDE)
    with pytest.raises(BudgetExhausted):
        await played(meter, frames([0, *[STRIDE] * 100], 10))
    settled = await ledger.settle("one", grant.totals(), NOW)
    assert 500 - 2 * STRIDE < (await ledger.statement("t|tokens|ever", NOW)).settled <= 500
    assert settled.overrun == {}


@pytest.mark.parametrize(("failed", "charged"), [(False, 10), (True, 0)])
async def test_a_prompt_is_charged_once_an_engine_was_asked(ledger: Ledger, *, failed: bool, charged: int) -> None:
    """Also of whom left before the first token; not of whom was turned away."""
    grant = await opened(ledger, "one", tokens=500)
    meter = Meter(await grant.enter("dense", [], Usage(tokens=20), NOW), Tariff(), Estimate(prompt=10, completion=10))
    await meter.begin(NOW)
    if failed:
        meter.failed()
    meter.end()
    assert grant.totals() == {"t|tokens|ever": charged}


@pytest.mark.parametrize(
    ("stride", "limit", "failed", "charged"),
    [(0, 40, False, 10 + 3 + 16), (0, 8, False, 10 + 8), (16, 40, False, 10 + 3 + 16), (0, 40, True, 10 + 3)],
)
async def test_what_may_be_on_its_way_is_charged(
    ledger: Ledger, *, stride: int, limit: int, failed: bool, charged: int
) -> None:
    """Whoever leaves had some more made, as many as the answer may have; an engine that broke makes no more."""
    grant = await opened(ledger, "one", tokens=500)
    expected = Estimate(prompt=10, prompt_most=10, completion=limit)
    branch = await grant.enter("dense", [], Usage(tokens=10 + limit), NOW)
    meter = Meter(branch, Tariff(), expected, stride, unseen=ON_THE_WAY)
    await meter.begin(NOW)
    for frame in frames([1] * 9, 10)[:3]:
        if not meter.saw(frame):
            await meter.pay(NOW)
    if failed:
        meter.failed()
    meter.end()
    assert grant.totals() == {"t|tokens|ever": charged}


async def test_what_a_budget_ends_was_paid_before_it_was_made(ledger: Ledger) -> None:
    """Nothing that is on its way then is beyond the budget."""
    grant = await opened(ledger, "one", tokens=100)
    branch = await grant.enter("dense", [], Usage(tokens=20), NOW)
    expected = Estimate(prompt=10, prompt_most=10, completion=10)
    meter = Meter(branch, Tariff(), expected, ON_THE_WAY, unseen=ON_THE_WAY)
    await meter.begin(NOW)
    with pytest.raises(BudgetExhausted):
        await played(meter, frames([1] * 200, 10))
    settled = await ledger.settle("one", grant.totals(), NOW)
    assert meter.tokens == 100 - ON_THE_WAY + 1
    assert (await ledger.statement("t|tokens|ever", NOW)).settled == 100
    assert settled.overrun == {}


async def test_an_answer_that_begins_anew_is_charged_once(ledger: Ledger) -> None:
    """Its first replica was lost with what nobody had seen of it."""
    grant = await opened(ledger, "one", tokens=500)
    meter = Meter(await grant.enter("dense", [], Usage(tokens=20), NOW), Tariff(), Estimate(prompt=10, completion=10))
    head = Frame(data=b"", head=Head(model="dense", path=()))
    counted = Frame(data=b"", tokens=STRIDE)
    await played(meter, [head, counted, counted, head, counted, Frame(data=b"x", tokens=6, prompt_tokens=10)])
    assert grant.totals() == {"t|tokens|ever": 10 + STRIDE + 6}


async def test_the_last_tokens_of_a_budget_may_be_had(ledger: Ledger) -> None:
    """Paying ahead does not end an answer early; the token that is too much does."""
    grant = await opened(ledger, "one", tokens=50)
    branch = await grant.enter("dense", [], Usage(tokens=20), NOW)
    meter = Meter(branch, Tariff(), Estimate(prompt=10, prompt_most=10, completion=10))
    with pytest.raises(BudgetExhausted):
        await played(meter, frames([1] * 100, 10))
    settled = await ledger.settle("one", grant.totals(), NOW)
    assert meter.tokens == 10 + 41
    assert (await ledger.statement("t|tokens|ever", NOW)).settled == 50
    assert settled.overrun == {"t|tokens|ever": 1}


def test_money_is_rounded_once() -> None:
    """Up, over the whole answer: token by token it would be several times as much."""
    assert PRICED.usage(1000, 1000) == Usage(tokens=2000, cost=150 + 600)
    assert PRICED.usage(1, 1).cost == 2
    by_hour = Tariff(per_hour=3.6, devices=8.0)
    assert by_hour.usage(5, 5, seconds=2.0) == Usage(tokens=10, cost=2000, compute=16_000_000)
    assert by_hour.usage(5, 5).cost == 0


async def test_a_device_s_time_is_charged_as_told_and_estimated_before(ledger: Ledger) -> None:
    """An answer that was left is charged at the pace of those before."""
    tariff, expected = Tariff(pace=Pace(prompt=0.1, completion=0.1)), Estimate(prompt=10, prompt_most=10, completion=10)
    for name, told, charged in (("left", False, 1_500_000), ("whole", True, 7_000_000)):
        grant = await opened(ledger, name, compute=1000)
        branch = await grant.enter("dense", [], tariff.usage(10, 10), NOW)
        answer = [Frame(data=b"x", tokens=5), *([Frame(data=b"", prompt_tokens=10, seconds=7.0)] if told else [])]
        await played(Meter(branch, tariff, expected), answer)
        assert grant.totals() == {"t|compute|ever": charged}


def test_a_pace_is_learnt_of_reading_and_of_writing() -> None:
    """From answers of both kinds, slowly; an answer without tokens is none."""
    paces = Paces()
    for at in range(60):
        prompt, completion = (4000, 10) if at % 2 else (50, 400)
        paces.learn("dense", 0.0005 * prompt + 0.05 * completion, prompt, completion)
    paces.learn("dense", 10.0, 0, 0)
    assert paces.of("dense").prompt == pytest.approx(0.0005, rel=0.05)
    assert paces.of("dense").completion == pytest.approx(0.05, rel=0.05)
    paces.learn("dense", 500.0, 50, 400)
    assert paces.of("dense").completion < 1.0


def test_what_answers_do_not_tell_apart_is_presumed() -> None:
    """Long prompts with short answers say nothing of writing; a model that has not answered is thought slow."""
    paces = Paces()
    for _ in range(50):
        paces.learn("dense", 1.6, 8000, 10)
    assert paces.of("dense").seconds(8000, 10) == pytest.approx(1.6, rel=0.05)
    assert paces.of("dense").completion > 0.015
    assert paces.of("moe") == CAUTIOUS


@given(answers=st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10**6), st.integers(0, 10**5)), max_size=20))
def test_no_pace_is_negative(answers: list[tuple[float, int, int]]) -> None:
    """Whatever was measured."""
    paces = Paces()
    for seconds, prompt, completion in answers:
        paces.learn("dense", seconds, prompt, completion)
    assert paces.of("dense").prompt >= 0
    assert paces.of("dense").completion >= 0


async def test_a_tenant_that_was_removed_reaches_no_further_model(ledger: Ledger) -> None:
    """Nor is it let in again."""
    gatekeeper = gate(ledger)
    who = Identity(tenant="acme", key="k")
    grant = await gatekeeper.grant(who, Usage(), NOW)
    assert isinstance(grant, Grant)
    gatekeeper.rights = Rights(tenants={})
    with pytest.raises(Forbidden):
        await gatekeeper.enter(grant, "dense", Usage(), NOW)
    refused = await gatekeeper.grant(who, Usage(), NOW)
    assert isinstance(refused, Refusal)
    assert refused.error.code == "forbidden"


def test_what_is_held_is_as_much_as_the_slowest_of_late_took() -> None:
    """An engine that was shared by many is alone again: what it then takes is forgotten slowly."""
    paces = Paces()
    for _ in range(40):
        paces.learn("dense", 0.2, 10, 100)
    assert paces.of("dense").seconds(10, 100) == pytest.approx(0.2, rel=0.1)
    alone_s = 2.0
    paces.learn("dense", alone_s, 10, 100)
    for _ in range(10):
        paces.learn("dense", 0.2, 10, 100)
        assert paces.most("dense").seconds(10, 100) >= 0.8 * alone_s
    for _ in range(300):
        paces.learn("dense", 0.2, 10, 100)
    assert paces.most("dense").seconds(10, 100) < 0.3
    assert paces.most("moe") == CAUTIOUS


@pytest.mark.parametrize(("told", "charged"), [(True, 10 + 3), (False, 10 + 40)])
async def test_what_nobody_tells_is_charged_as_held(ledger: Ledger, *, told: bool, charged: int) -> None:
    """Of an answer that is left, or whose server says nothing, it may all have been made."""
    grant = await opened(ledger, "one", tokens=500)
    expected = Estimate(prompt=10, prompt_most=20, completion=40)
    branch = await grant.enter("cloud", [], Usage(tokens=60), NOW)
    meter = Meter(branch, Tariff(), expected, blind=True)
    await meter.begin(NOW)
    answer = [Frame(data=b""), *([Frame(data=b"{}", tokens=3, prompt_tokens=10)] if told else [])]
    await played(meter, answer)
    assert grant.totals() == {"t|tokens|ever": charged}
