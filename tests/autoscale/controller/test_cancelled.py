"""Only what has never had a machine is ended without a drain."""

from __future__ import annotations

import pytest

from autoscale.controller.cancelled import Cancelled
from autoscale.served import Served, ServedPool, ServedReplica, ServedState


def served(state: ServedState, *, placed: bool = False, at_s: float = 0.0) -> Served:
    one = ServedReplica(replica="a", state=state, placed=placed, actor="actor-a")
    return Served(at_s=at_s, pools={"dense": ServedPool(target=1, replicas=(one,))})


def nobody(*, at_s: float = 0.0) -> Served:
    return Served(at_s=at_s, pools={"dense": ServedPool(target=1, replicas=())})


def test_a_replica_that_is_taken_back_before_it_has_a_machine_is_ended_once() -> None:
    """Serve would wait for it as long as for one that has streams."""
    cancelled = Cancelled()
    assert cancelled.see(served("starting")) == ()
    assert cancelled.see(served("stopping")) == ("actor-a",)
    assert cancelled.see(served("stopping")) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (served("starting", placed=True), served("stopping", placed=True)),
        (served("starting"), served("stopping", placed=True)),
        (served("running", placed=True), served("stopping", placed=True)),
        (served("running"), served("stopping")),
    ],
    ids=["loading", "placed meanwhile", "running", "running, and Serve has lost sight of it"],
)
def test_whatever_may_have_a_stream_is_left_to_its_drain(before: Served, after: Served) -> None:
    """However short it has run."""
    cancelled = Cancelled()
    cancelled.see(before)
    assert cancelled.see(after) == ()


def test_a_replica_that_nobody_saw_wait_is_left_alone() -> None:
    """A controller that begins anew does not know whether it has streams."""
    assert Cancelled().see(served("stopping")) == ()


def test_a_replica_that_comes_and_is_taken_back_between_two_looks_is_ended() -> None:
    """As when a machine dies just before the load does; nobody has seen it wait."""
    cancelled = Cancelled()
    assert cancelled.see(nobody()) == ()
    assert cancelled.see(served("stopping", at_s=5.0)) == ("actor-a",)
    assert cancelled.see(served("stopping", at_s=10.0)) == ()


def test_what_has_happened_while_nobody_looked_is_left_alone() -> None:
    """A replica may have run and lost its machine since."""
    cancelled = Cancelled()
    cancelled.see(nobody())
    assert cancelled.see(served("stopping", at_s=60.0)) == ()
