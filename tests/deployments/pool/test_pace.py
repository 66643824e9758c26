"""How long frames are gathered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.pool.pace import LONGEST_S, LONGEST_SETTLE_S, wait_s

streams = st.integers(0, 4000)
since = st.floats(0, 10)


def test_one_stream_never_waits() -> None:
    """Its tokens have nobody to share a message with."""
    assert wait_s(streams=1, since_last_s=0.0) == 0.0


@given(streams, since)
def test_the_wait_is_bounded(count: int, since_last_s: float) -> None:
    """However many there are."""
    assert 0 <= wait_s(streams=count, since_last_s=since_last_s) <= LONGEST_S


@given(streams, streams, since)
def test_more_streams_never_wait_less(one: int, other: int, since_last_s: float) -> None:
    """The more streams share a gateway, the more tokens share a write."""
    few, many = sorted((one, other))
    assert wait_s(streams=few, since_last_s=since_last_s) <= wait_s(streams=many, since_last_s=since_last_s)


@given(streams)
def test_after_a_quiet_time_only_the_step_itself_is_awaited(count: int) -> None:
    """A slow engine's steps are not delayed on top."""
    assert wait_s(streams=count, since_last_s=LONGEST_S) <= LONGEST_SETTLE_S
