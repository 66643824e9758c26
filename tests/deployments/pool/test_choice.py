"""The choice of a replica: warm where it is worth it, least busy otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.pool.choice import Candidate, choose

replicas = st.lists(
    st.builds(
        Candidate,
        replica=st.text("abcdef", min_size=1, max_size=6),
        in_flight=st.integers(0, 40),
        limit=st.integers(1, 40),
        matched=st.integers(0, 64),
        session=st.booleans(),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.replica,
)


def replica(name: str, in_flight: int = 0, matched: int = 0, *, limit: int = 32, session: bool = False) -> Candidate:
    return Candidate(replica=name, in_flight=in_flight, limit=limit, matched=matched, session=session)


def test_nothing_known_goes_to_the_least_busy() -> None:
    """Queue length is what a client feels."""
    assert choose([replica("a", 3), replica("b", 1), replica("c", 2)], b"k").replica == "b"


def test_a_new_replica_does_not_get_everything_at_once() -> None:
    """Beside three with fifty streams each it computes three prompts at a time, not fifty."""
    others, begun = [replica(name, 50, limit=200) for name in "abc"], 0
    for at in range(20):
        new = Candidate(replica="new", in_flight=begun, unbegun=begun, limit=200)
        begun += choose([*others, new], str(at).encode()).replica == "new"
    assert begun == 3
    served = Candidate(replica="new", in_flight=begun, limit=200)
    assert choose([*others, served], b"k").replica == "new"  # once those have their first tokens it gets more


def test_a_warm_replica_is_worth_a_short_queue() -> None:
    """Eight blocks of prefill are worth a place or two."""
    assert choose([replica("a", 2, 8), replica("b", 0)], b"k").replica == "a"


def test_no_cache_is_worth_a_long_queue() -> None:
    """A popular prefix spreads to other replicas once its own is busier."""
    assert choose([replica("a", 9, 64), replica("b", 0)], b"k").replica == "b"


def test_one_block_is_worth_one_place() -> None:
    """A short common beginning must not draw everything to one replica."""
    assert choose([replica("a", 1, 1), replica("b", 0)], b"k").replica == "a"
    assert choose([replica("a", 2, 1), replica("b", 0)], b"k").replica == "b"


def test_a_session_stays_where_it_was() -> None:
    """Its history is in that replica's cache, whatever the text says."""
    assert choose([replica("a", 1, session=True), replica("b", 0)], b"k").replica == "a"


def test_a_full_replica_is_passed_over() -> None:
    """Warm or not."""
    assert choose([replica("a", 4, 64, limit=4), replica("b", 5)], b"k").replica == "b"


def test_when_all_are_full_one_is_named_all_the_same() -> None:
    """The replica's own refusal is exact; ours is a guess."""
    assert choose([replica("a", 4, limit=4), replica("b", 5, limit=4)], b"k").replica == "a"


@given(replicas, st.binary(max_size=80))
def test_every_gateway_decides_alike(candidates: list[Candidate], key: bytes) -> None:
    """The order in which replicas are known makes no difference."""
    assert choose(candidates, key) == choose(candidates[::-1], key)


@given(replicas, st.binary(max_size=8))
def test_the_chosen_one_is_never_much_busier_than_the_least_busy(candidates: list[Candidate], key: bytes) -> None:
    """The price of warmth is bounded by half of the load and four places."""
    chosen = choose(candidates, key)
    able = [one for one in candidates if one.in_flight < one.limit] or candidates
    least = min(one.in_flight for one in able)
    assert chosen in able
    assert chosen.in_flight - least <= 4 + least / 2


def test_unknown_prompts_spread_over_idle_replicas() -> None:
    """Different beginnings meet different replicas."""
    idle = [replica(name) for name in "abcd"]
    chosen = [choose(idle, str(at).encode()).replica for at in range(400)]
    assert all(60 <= chosen.count(name) <= 140 for name in "abcd")
