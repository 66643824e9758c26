"""How far an answer has come."""

from __future__ import annotations

from deployments.graph.emitted import Emitted
from deployments.request import Frame, Head, Resume


def frame(text: str, *ids: int, model: str = "", finish_reason: str | None = None) -> Frame:
    head = Head(model=model, path=()) if model else None
    return Frame(data=b"x", text=text, tokens=len(ids), ids=ids, head=head, finish_reason=finish_reason)


def collected(*frames: Frame, resume: Resume | None = None) -> Emitted:
    emitted = Emitted(resume)
    for one in frames:
        emitted.saw(one)
    return emitted


def test_text_and_ids_of_one_model_add_up() -> None:
    """An adapter's tokens are its pool's."""
    emitted = collected(frame("a", 1, model="dense:pirate"), frame("bc", 2, 3))
    assert emitted.resume() == Resume(model="dense", text="abc", ids=(1, 2, 3))
    assert emitted.tokens == 3
    assert not emitted.finished


def test_a_reason_to_end_makes_it_whole() -> None:
    """What follows it says nothing new."""
    assert collected(frame("a", 1, model="dense", finish_reason="stop")).finished


def test_going_on_by_ids_in_the_same_model_keeps_the_ids() -> None:
    """A second loss is no different from the first."""
    emitted = collected(frame("b", 2, model="dense"), resume=Resume(model="dense", text="a", ids=(1,)))
    assert emitted.resume() == Resume(model="dense", text="ab", ids=(1, 2))


def test_the_tokens_of_two_models_make_no_sequence() -> None:
    """What two wrote is passed on as text, also where the first one's ids are known."""
    for before in (Resume(model="dense", text="a", ids=(1,)), Resume(model="dense", text="a")):
        emitted = collected(frame("b", 2, model="small"), resume=before)
        assert emitted.resume() == Resume(model="small", text="ab")


def test_a_branch_that_delivered_nothing_leaves_nothing() -> None:
    """The next one's ids are its own."""
    emitted = collected(frame("", model="dense"), frame("a", 1, model="small"))
    assert emitted.resume() == Resume(model="small", text="a", ids=(1,))
