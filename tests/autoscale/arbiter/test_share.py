"""Brown-out shares in worked examples: when one begins, how much moves, and that it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.arbiter.allowance import Allowance
from autoscale.arbiter.offered import Offered, Rate
from autoscale.arbiter.share import LATEST_S, Pressure, late, steady, wanted
from autoscale.arbiter.spec import BrownOutSpec
from autoscale.fleet import Demand

HOUR_S = 3600.0


def pressure(
    rps: float, *, ready: float = 10.0, backlog: float = 0.0, sure: float = 0.9, coming: float = 180.0
) -> Pressure:
    """Return the pressure of *rps* on *ready*, of which the share *sure* is no chance; three replicas come together."""
    return Pressure(
        rate=Rate(rps, sure * rps), backlog=backlog, ready_rps=ready, each_rps=5.0, ttft_s=2.0, coming=(coming,) * 6
    )


SPEC = BrownOutSpec.model_validate({"fill": 1.0, "recover": "10s", "price": 0.2, "max_share": 1.0})


@pytest.mark.parametrize(
    ("load", "share"),
    [
        (pressure(40), 0.75),  # four times what is ready: three of four go
        (pressure(20), 0.5),
        (pressure(20, backlog=50), 0.75),  # and 50 that wait are to be gone in 10 s
        (pressure(9), 0.0),
        (pressure(9, backlog=8), 0.0),  # waits less than half of the TTFT target of 2 s at 10/s
        (pressure(9, backlog=60), pytest.approx(5 / 9)),
        (pressure(11), 0.0),  # may be chance: one standard deviation less is below what is ready
        (pressure(11, sure=1.0), pytest.approx(1 / 11)),
        (pressure(5, ready=0.0, backlog=3), 1.0),  # nothing is ready at all
        (pressure(20, coming=0.5), 0.0),  # there before anybody waits too long
        (pressure(12, sure=1.0, coming=5.1), 0.0),  # ten wait after 5 s, and it is there at 5.1 s: not worth a sixth
        (pressure(12, sure=1.0, coming=7.0), pytest.approx(2 / 12)),
    ],
)
def test_as_much_moves_as_does_not_fit(load: Pressure, share: float) -> None:
    """The rest fits what is ready; what comes in time, or by chance, moves nothing."""
    assert wanted(load, SPEC, active=False) == share


def test_goes_on_until_the_rest_fits_with_room_to_spare() -> None:
    """What would not begin one does not end one; the end is where capacity is there, at once."""
    spec = BrownOutSpec.model_validate({"fill": 0.9})
    assert wanted(pressure(9.5), spec, active=False) == 0
    assert wanted(pressure(9.5), spec, active=True) == pytest.approx(0.5 / 9.5)
    assert wanted(pressure(40, ready=45), spec, active=True) == 0


@given(price=st.floats(0, 1), rps=st.floats(10.5, 100), coming=st.floats(0, 600))
def test_a_higher_price_moves_nothing_that_a_lower_one_does_not(price: float, rps: float, coming: float) -> None:
    """At price 1 a brown-out moves at most what it saves, at 0 whatever helps."""
    shares = [
        wanted(pressure(rps, sure=1.0, coming=coming), BrownOutSpec.model_validate({"price": each}), active=False)
        for each in (0.0, price, 1.0)
    ]
    assert shares == sorted(shares, reverse=True)


def test_capacity_is_late_by_the_replica_that_makes_up_for_what_is_missing() -> None:
    """Of replicas that come one by one the third is the one that counts; what nobody has promised is last."""
    missing_three = Pressure(
        rate=Rate(25.0, 24.0), backlog=0, ready_rps=10.0, each_rps=5.0, ttft_s=1.0, coming=(10.0, 20.0, 30.0)
    )
    assert late(missing_three) == 30.0
    assert (
        late(Pressure(rate=Rate(25.0, 24.0), backlog=0, ready_rps=10, each_rps=5, ttft_s=1, coming=(10.0,))) == LATEST_S
    )


def test_a_share_falls_by_steps_and_ends_at_once() -> None:
    """Sessions are not moved back and forth for a few thousandths."""
    assert [steady(share, 0.5) for share in (0.6, 0.49, 0.44, 0.0)] == [0.6, 0.5, 0.44, 0.0]


def test_a_day_s_allowance_is_a_share_of_the_day_s_requests() -> None:
    """Before a day has passed its mean stands for it; what was moved comes back after 24 hours."""
    day = Allowance()
    day.see(0.0, 0, 0)
    assert day.left(0.0, 0.02) == 0
    day.see(HOUR_S, 1_000, 0)
    assert day.left(HOUR_S, 0.02) == pytest.approx(480)
    day.see(2 * HOUR_S, 2_000, 100)
    assert day.left(2 * HOUR_S, 0.02) == pytest.approx(380)
    for hour in range(3, 60):
        day.see(hour * HOUR_S, hour * 1_000, 100)
    assert day.left(59 * HOUR_S, 0.02) == pytest.approx(480, rel=0.05)


def test_an_allowance_goes_on_after_a_restart() -> None:
    """A controller that begins anew has not got another day's allowance."""
    before, after = Allowance(), Allowance()
    for hour in range(3):
        before.see(hour * HOUR_S, hour * 1_000, hour * 10)
    plain = before.plain()
    after.take(plain["hours"], plain["began_s"])  # type: ignore[arg-type]
    after.see(2 * HOUR_S, 5, 0)
    assert after.left(2 * HOUR_S, 0.02) == before.left(2 * HOUR_S, 0.02)


def test_what_was_meant_for_a_pool_counts_whoever_answered_it() -> None:
    """The rate is that of requests sent and moved, less those that the pool took for others."""
    pool = Offered()
    for at in range(7):
        demand = Demand(arrivals_total=60 * at, moved_total=30 * at, stood_in_total=10 * at)
        pool.see(demand, float(at), keep_s=30)
    assert pool.rate(5.0).rps == pytest.approx(80)
    assert pool.rate(5.0).low_rps == pytest.approx((400 - 20) / 5)
    assert pool.ratio(5.0) == pytest.approx(80 / 60)
