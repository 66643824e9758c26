"""What is known of an answer that is judged while it is made."""

from __future__ import annotations

from deployments.nodes.cascade.held import Held, Window
from deployments.request import STRIDE, Frame


def test_a_whole_answer_is_judged_by_the_tokens_that_tell() -> None:
    """Frames that only count tokens say nothing of how likely they were: that comes with the answer."""
    held = Held(after=8)
    held.take(Frame(data=b"", tokens=STRIDE))
    assert held.window is None
    held.take(Frame(data=b"{}", text="so", tokens=6, logprob=-7.0, margin=3.5))
    assert held.window == Window(STRIDE + 6, -7.0, 3.5)
