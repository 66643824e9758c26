"""The admission queue's laws, under any order of arrivals and departures."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.nodes.admission.queue import AGED_TURN, AdmissionQueue, Limits, Refusal
from deployments.nodes.admission.ticket import Group, Ticket

HIGH, LOW, ALSO_LOW = Group(name="high", priority=10), Group(name="low"), Group(name="also", weight=3)
FAR_S = 1e9


def ticket(
    group: Group = LOW, at_s: float = 0.0, *, by_s: float = FAR_S, tenant: str = "t", charged: bool = True
) -> Ticket:
    return Ticket(
        group=group, tenant=tenant, arrived_s=at_s, start_by_s=by_s, deadline_s=by_s, charged=charged
    )  # fmt: skip


def full(limits: Limits, *tickets: Ticket) -> AdmissionQueue:
    """Return a queue whose places are taken, with *tickets* in line; nothing is known of service times."""
    queue = AdmissionQueue()
    for _ in range(limits.concurrent):
        assert queue.offer(ticket(tenant="inside"), limits, 0.0) is None
        queue.admit(limits, 0.0)
    for one in tickets:
        assert queue.offer(one, limits, one.arrived_s) is None
    return queue


def order(queue: AdmissionQueue, limits: Limits, now_s: float) -> list[Ticket]:
    """Return who is let in, one place becoming free after the other."""
    let_in: list[Ticket] = []
    while queue.waiting:
        queue.leave(next(iter(queue.running)), now_s)
        let_in += queue.admit(limits, now_s)
    return let_in


ONE = Limits(concurrent=1, queue=100, ageing_s=1000)


def test_the_higher_class_goes_first_and_the_nearer_deadline_within_it() -> None:
    """Arrival decides only between equals."""
    far, near, high = ticket(by_s=9), ticket(by_s=5), ticket(HIGH, by_s=7)
    assert order(full(ONE, far, near, high), ONE, 1.0) == [high, near, far]


def test_equals_share_by_weight() -> None:
    """Of two classes of one priority, the one of weight 3 gets three places of four."""
    waiting = [ticket(group, by_s=at) for at in range(40) for group in (LOW, ALSO_LOW)]
    first = order(full(ONE, *waiting), ONE, 1.0)[:20]
    assert Counter(one.group.name for one in first) == {"also": 15, "low": 5}


def test_a_class_that_was_away_has_no_claim() -> None:
    """Its share begins when it comes back."""
    queue = full(ONE, *(ticket(by_s=at) for at in range(30)))
    for _ in range(20):
        queue.leave(next(iter(queue.running)), 1.0)
        queue.admit(ONE, 1.0)
    for at in range(30):
        queue.offer(ticket(Group(name="new"), 1.0, by_s=at), ONE, 1.0)
    assert Counter(one.group.name for one in order(queue, ONE, 1.0)[:10]) == {"new": 5, "low": 5}


def test_after_a_pause_all_begin_anew() -> None:
    """What a class was served in a time that is over is no debt, though its peer waited a little longer than it."""
    peer = Group(name="peer")
    queue = full(ONE, *(ticket(group) for _ in range(20) for group in (LOW, peer)), ticket(peer))
    order(queue, ONE, 1.0)
    for _ in range(30):
        queue.offer(ticket(peer, 2.0), ONE, 2.0)
        queue.offer(ticket(LOW, 2.0), ONE, 2.0)
    assert Counter(one.group.name for one in order(queue, ONE, 2.0)[:10]) == {"peer": 5, "low": 5}


def test_whoever_waited_long_gets_every_fourth_place() -> None:
    """A flood of the higher class leaves the old ones a quarter."""
    limits = Limits(concurrent=1, queue=100, ageing_s=5)
    old = [ticket(at_s=0.0) for _ in range(3)]
    flood = [ticket(HIGH, at_s=9.0) for _ in range(30)]
    let_in = order(full(limits, *old, *flood), limits, 10.0)
    assert [at // AGED_TURN for at, one in enumerate(let_in) if one.group is LOW] == [0, 1, 2]


def test_a_full_queue_refuses_and_says_when_it_will_have_drained() -> None:
    """Three places that take 2 s each, two at a time, are free after 3 s."""
    limits = Limits(concurrent=2, queue=2, ageing_s=1000)
    queue = full(limits, ticket(), ticket())
    for _ in range(2):
        queue.service.ended(0.0, 2.0)
    refused = queue.offer(ticket(), limits, 0.0)
    assert refused == Refusal(reason="queue_full", retry_after_s=3.0)


def test_a_higher_class_takes_the_place_of_a_lower_one() -> None:
    """The lowest that can wait longest makes room; one that has aged, and an equal, does not."""
    limits = Limits(concurrent=1, queue=2, ageing_s=5)
    aged, young = ticket(at_s=0.0), ticket(at_s=4.0)
    queue = full(limits, aged, young)
    assert queue.offer(ticket(HIGH, 6.0), limits, 6.0) is young
    assert isinstance(queue.offer(ticket(HIGH, 6.0), limits, 6.0), Refusal)
    assert isinstance(queue.offer(ticket(LOW, 6.0), limits, 6.0), Refusal)


def test_who_cannot_make_it_is_refused_at_once() -> None:
    """With 2 s a request and one ahead, a start takes 4 s and an end 6 s; what comes later in line does not count."""
    queue = full(ONE, ticket(by_s=3), ticket(by_s=50))
    queue.service.ended(0.0, 2.0)

    def offered(start_by_s: float, deadline_s: float) -> Refusal | Ticket | None:
        one = Ticket(group=LOW, tenant="t", arrived_s=0, start_by_s=start_by_s, deadline_s=deadline_s)
        return queue.offer(one, ONE, 0.0)

    assert offered(3.9, FAR_S) == Refusal(reason="too_late", retry_after_s=6.0)
    assert offered(5.0, 5.9) == Refusal(reason="too_late", retry_after_s=6.0)
    assert offered(5.0, 6.1) is None


def test_a_standstill_is_noticed_though_nothing_ends() -> None:
    """Requests that have been inside for long say that places have become slow to come by."""
    queue = full(ONE)
    queue.service.ended(0.0, 1.0)
    assert queue.drain_s(ONE, 30.0) == 30.0


def test_a_tenant_has_its_bound_and_others_are_not_held_to_it() -> None:
    """Running and waiting requests count; leaving gives the place back."""
    limits = Limits(concurrent=1, queue=10, per_tenant=2)
    queue = AdmissionQueue()
    mine = [ticket(tenant="a"), ticket(tenant="a")]
    assert [queue.offer(one, limits, 0.0) for one in mine] == [None, None]
    queue.admit(limits, 0.0)
    refused = queue.offer(ticket(tenant="a"), limits, 4.0)
    assert refused == Refusal(reason="tenant_excess", retry_after_s=4.0)
    assert queue.offer(ticket(tenant="b"), limits, 4.0) is None
    queue.leave(mine[1], 5.0)
    assert queue.offer(ticket(tenant="a"), limits, 5.0) is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["offer", "offer", "leave", "tick", "guest"]),
        st.sampled_from([HIGH, LOW, ALSO_LOW]),
        st.integers(0, 30),
        st.sampled_from("abc"),
    ),
    max_size=60,
)
LIMITS = st.builds(
    Limits,
    concurrent=st.integers(1, 3),
    queue=st.integers(0, 6),
    per_tenant=st.none() | st.integers(1, 4),
    ageing_s=st.floats(1, 20),
)


@settings(max_examples=150, deadline=None)
@given(limits=LIMITS, steps=STEPS)
def test_nobody_is_lost_and_no_bound_is_broken(limits: Limits, steps: list[tuple[str, Group, int, str]]) -> None:
    """Each ticket is refused, displaced, inside, waiting or gone; bounds hold; a free place is never left empty."""
    queue, here, now_s = AdmissionQueue(), dict[Ticket, None](), 0.0
    for what, group, number, tenant in steps:
        if what == "tick":
            now_s += number / 3
        elif what == "leave" and here:
            gone = list(here)[number % len(here)]
            del here[gone]
            queue.leave(gone, now_s)
        elif what in {"offer", "guest"}:
            one = ticket(group, now_s, by_s=now_s + number, tenant=tenant, charged=what == "offer")
            busy = queue.waiting > 0 or len(queue.running) == limits.concurrent
            answer = queue.offer(one, limits, now_s)
            assert one.charged or not busy or isinstance(answer, Refusal)
            if not isinstance(answer, Refusal):
                here[one] = None
            if isinstance(answer, Ticket):
                assert answer.group.priority < group.priority
                assert answer.started_s is None
                del here[answer]
        before = set(queue.running)
        let_in = queue.admit(limits, now_s)
        assert set(queue.running) == before | set(let_in)
        for guest in queue.evict(limits, now_s):
            assert not guest.charged
            del here[guest]
            before.discard(guest)
        assert set(queue.running) == before | set(let_in)
        assert not queue.waiting or all(one.charged for one in queue.running)
        assert len(queue.running) <= limits.concurrent
        assert queue.waiting <= limits.queue
        assert len(queue.running) + queue.waiting == len(here)
        assert not queue.waiting or len(queue.running) == limits.concurrent
        held = Counter(one.tenant for one in here)
        assert limits.per_tenant is None or all(count <= limits.per_tenant for count in held.values())
    for one in here:
        queue.leave(one, now_s)
        queue.leave(one, now_s)
    assert (queue.waiting, len(queue.running)) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(ahead=st.integers(0, 8), flood=st.integers(0, 3), gap=st.integers(1, 5))
def test_nobody_starves(ahead: int, flood: int, gap: int) -> None:
    """Once aged, a request is let in within four places for each that has waited longer, and its own."""
    limits = Limits(concurrent=1, queue=10_000, ageing_s=5)
    old = [ticket(at_s=0.0) for _ in range(ahead)]
    mine = ticket(at_s=0.0)
    queue = full(limits, *old, mine)
    places, now_s = 0, 6.0
    while mine.started_s is None:
        for _ in range(flood + gap):
            queue.offer(ticket(HIGH, now_s), limits, now_s)
        queue.leave(next(iter(queue.running)), now_s)
        places += len(queue.admit(limits, now_s))
        now_s += 0.001
    assert places <= AGED_TURN * (ahead + 1)
