"""ask: a node used by another node."""

from __future__ import annotations

import asyncio

import pytest

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import DeadlineExceeded, EngineFailed, Overloaded
from deployments.graph.ask import Reply, ask
from deployments.request import Frame
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, compiled, context


def asked(acts: list[Act], question: object = "how?", **more: object) -> tuple[Reply, Scripted]:
    transport = Scripted({"dense": acts})

    async def run() -> Reply:
        node = compiled({}, transport)["dense"]
        clock = asyncio.get_running_loop().time
        return await ask(node, question, context(), max_tokens=9, clock=clock, **more)  # type: ignore[arg-type]

    return leap(run()), transport


def test_gathers_the_text_and_the_tokens_of_a_stream() -> None:
    """The reply is what all frames say together, and who said it."""
    ending = Frame(data=b"x", text="c", tokens=1, prompt_tokens=7, finish_reason="stop")
    reply, _ = asked([b"a", b"b", ending])
    assert reply == Reply(text="abc", tokens=3, prompt_tokens=7, finish_reason="stop", model="dense")


def test_sends_a_streamed_greedy_chat_of_its_own() -> None:
    """What the client asked for (format, tools, sampling) is no part of the question."""
    _, transport = asked([b"a"], "how?", stop=["\n"])
    request, _ = transport.seen[0]
    assert (request.endpoint, request.stream) == ("chat", True)
    assert request.body == {
        "messages": [{"role": "user", "content": "how?"}],
        "stream": True,
        "max_tokens": 9,
        "temperature": 0.0,
        "stop": ["\n"],
        "model": "dense",
    }


def test_messages_may_be_a_conversation() -> None:
    """A system's words go with the user's."""
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    _, transport = asked([b"a"], said)
    assert transport.seen[0][0].body["messages"] == said


@pytest.mark.parametrize("acts", [[Hang()], [b"a", Hang()], [b"a", Pause(2), b"b", Pause(2), b"c"]])
def test_the_deadline_of_the_context_bounds_the_whole(acts: list[Act]) -> None:
    """No answer, however it trickles, takes longer than the request may; the node is closed."""
    transport = Scripted({"dense": acts})

    async def run() -> None:
        node = compiled({}, transport)["dense"]
        await ask(node, "?", context(deadline_s=3.0), max_tokens=9, clock=asyncio.get_running_loop().time)

    with pytest.raises(DeadlineExceeded):
        leap(run())
    assert transport.log == ["open dense", "close dense"]


def test_errors_pass_through() -> None:
    """Who asks decides what a refusal means."""
    with pytest.raises(Overloaded):
        asked([Overloaded("full")])
    with pytest.raises(EngineFailed, match="died"):
        asked([b"a", EngineFailed("died")])


@pytest.mark.parametrize("acts", [[], [b""]])
def test_an_end_without_data_is_a_failure(acts: list[Act]) -> None:
    """Silence is no reply."""
    with pytest.raises(EngineFailed, match="without an answer"):
        asked(acts)


def test_asks_a_real_stream_of_tokens() -> None:
    """What the engine counts is what the reply counts."""

    async def run() -> Reply:
        clock = asyncio.get_running_loop().time
        engine = SyntheticEngine("m", "m", "m#1", SyntheticSpec(), clock=clock, wall=clock)
        await engine.start()
        try:
            return await ask(engine.generate, "how are you?", context(), max_tokens=12, clock=clock)
        finally:
            await engine.stop()

    reply = leap(run())
    assert (reply.tokens, reply.finish_reason, reply.model) == (12, "length", "m")
    assert len(reply.text.split()) == 12
    assert reply.prompt_tokens is not None
    assert reply.prompt_tokens > 0
