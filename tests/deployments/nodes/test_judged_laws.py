"""Laws of nodes that hold answers back: nothing is lost, nothing is given twice, and nobody is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.errors import DeadlineExceeded, EngineFailed, Invalid, Overloaded, ServingError
from deployments.layers.deadline import deadline
from deployments.request import Context, Frame, Request
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, compiled, context

SURE = {"mean_logprob": -0.8, "after": 3, "refusal": False, "max_tokens": 6}
TARGETS = ["dense", "moe", "distilled"]
GRAPHS: dict[str, dict[str, Any]] = {
    "cascade": {"cascade": [{"to": "distilled", "accept": SURE}, {"to": "dense", "accept": SURE}, {"to": "moe"}]},
    "vote": {"ensemble": TARGETS, "choose": "vote", "quorum": 2, "wait": "2s"},
    "merge": {"ensemble": ["dense", "moe"], "choose": "merge", "merger": "distilled"},
}
BROKEN = [Overloaded("full"), EngineFailed("died"), Invalid("bad")]


def _token(logprob: float) -> Frame:
    return Frame(data=b"x", text="x", tokens=1, logprob=logprob, margin=0.1)


_ACTS: st.SearchStrategy[Act] = st.one_of(
    st.sampled_from([-0.1, -2.0]).map(_token),
    st.sampled_from([0.5, 3.0]).map(Pause),
    st.just(b""),
    st.sampled_from(BROKEN),
    st.just(Hang()),
)
_SCRIPTS = st.fixed_dictionaries({name: st.lists(_ACTS, max_size=9) for name in TARGETS})


class Counting(Scripted):
    """Scripted pools that count the tokens they gave to whoever asked."""

    tokens = 0

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        async for frame in super().stream(pool, request, context):
            self.tokens += frame.tokens
            yield frame


@pytest.mark.parametrize("kind", GRAPHS)
@settings(max_examples=150, deadline=None)
@given(scripts=_SCRIPTS, patience_s=st.sampled_from([1.0, 20.0]))
def test_every_token_is_delivered_or_hidden_and_every_call_is_closed(
    kind: str, scripts: dict[str, list[Act]], patience_s: float
) -> None:
    """Whatever the pools do: one outcome, and all that was generated is with the client or counted as hidden."""
    transport, hidden, delivered = Counting(scripts), list[int](), list[Frame]()
    node = compiled({"n": GRAPHS[kind]}, transport, hidden=lambda _, tokens: hidden.append(tokens))["n"]

    async def run() -> ServingError | None:
        bounded = deadline(asyncio.get_running_loop().time)(node)
        try:
            async for frame in bounded(chat(stream=True), context(deadline_s=patience_s)):
                delivered.append(frame)
        except ServingError as error:
            return error
        finally:
            assert len(asyncio.all_tasks()) == 1
        return None

    error = leap(run())
    assert error is not None or any(frame.data for frame in delivered)
    assert sum(frame.tokens for frame in delivered) + sum(hidden) == transport.tokens
    counts = {word: sum(line.startswith(word) for line in transport.log) for word in ("open", "close")}
    assert counts["open"] == counts["close"]
    assert error is None or isinstance(error, (DeadlineExceeded, *map(type, BROKEN)))
