"""audited: the end of an answer waits for the record of it, and every way to end has one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deployments.audit.audit import Audit
from deployments.audit.heard import Facts
from deployments.audit.lines import Answered
from deployments.cost.charge import Rate
from deployments.cost.costs import Costs
from deployments.errors import AuditUnavailable, EngineFailed, NoReplica
from deployments.graph.node import Node
from deployments.layers.audited import audited
from deployments.remote.spec import Price
from deployments.request import Frame, Request
from tests.deployments.audit.keeping import auditing, checked, records
from tests.deployments.scripted import Act, Hang, Scripted, chat, collect, compiled, context

STREAM = chat("hi", stream=True)
END = Frame(data=b"!", text="!", tokens=1, finish_reason="stop", prompt_tokens=3)
FACTS = Facts(key=lambda context: "k1", version=lambda model: f"{model}@7")
DEAR = Costs({"dense": Rate(price=Price(input_per_million=1e6, output_per_million=1e6))})


@asynccontextmanager
async def over(folder: Path, acts: list[Act], **options: Any) -> AsyncIterator[tuple[Node, Audit]]:
    async with auditing(folder, **options) as audit:
        yield audited(lambda: audit, FACTS)(compiled({}, Scripted({"dense": acts}), costs=DEAR)["dense"]), audit


def kept(folder: Path) -> list[Answered]:
    return [line.record for line in records(folder) if isinstance(line.record, Answered)]


async def test_a_record_says_who_what_and_by_whom(tmp_path: Path) -> None:
    """Hashes by default, no texts."""
    async with over(tmp_path, [b"a", b"b", END]) as (node, _):
        frames = await collect(node, STREAM, context(tenant="acme"))
    [record] = kept(tmp_path)
    assert b"".join(frame.data for frame in frames) == b"ab!"
    assert (record.request_id, record.tenant, record.key, record.outcome) == ("r1", "acme", "k1", "ok")
    assert (record.model, record.version, record.path) == ("dense", "dense@7", ("dense",))
    assert (record.prompt_tokens, record.completion_tokens, record.cost) == (3, 3, {"usd": 6.0})
    assert record.text_sha256 == record.sent_sha256 == sha256(b"ab!").hexdigest()
    assert record.prompt_sha256 == sha256(msgspec.json.encode(STREAM.body, order="deterministic")).hexdigest()
    assert (record.prompt, record.text) == (None, None)
    assert checked(tmp_path).findings == []


@pytest.mark.parametrize(("policy", "text"), [("full", "ab!"), ("none", None)])
async def test_texts_by_policy(tmp_path: Path, policy: str, text: str | None) -> None:
    """All of it, or nothing that one could guess it by."""
    async with over(tmp_path, [b"a", b"b", END], text=policy) as (node, _):
        await collect(node, STREAM)
    [record] = kept(tmp_path)
    assert record.text == text
    assert (record.prompt is None) == (text is None)
    assert bool(record.prompt_sha256) == bool(record.sent_sha256) == (text is not None)


async def test_tokens_go_on_and_only_the_end_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tokens are there before there is a record; the reason to end is not."""
    async with over(tmp_path, [b"a", b"b", END, Frame(data=b"[DONE]")]) as (node, audit):
        settle = asyncio.Event()
        real = audit.settled

        async def late(entry: Any) -> None:
            await settle.wait()
            await real(entry)

        monkeypatch.setattr(audit, "settled", late)
        async with aclosing(node(STREAM, context())) as frames:  # type: ignore[type-var]
            assert [(await anext(frames)).data for _ in range(2)] == [b"a", b"b"]
            third = asyncio.ensure_future(anext(frames))
            await asyncio.sleep(0.05)
            assert not third.done()
            settle.set()
            assert (await third).data == b"!"
            assert [frame.data async for frame in frames] == [b"[DONE]"]


TWICE = chat("hi", stream=True, n=2)
PROMPTS = Request(endpoint="completion", model="dense", body={"prompt": ["a", "b"]}, stream=True)


@pytest.mark.parametrize("request_", [TWICE, PROMPTS])
async def test_a_choice_does_not_wait_for_the_end_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    """Only what may be the last end waits, with all that follows it."""
    more = [Frame(data=data, tokens=1) for data in (b"b", b"c", b"end of b")]
    async with over(tmp_path, [b"a", END, *more, Frame(data=b"[DONE]")]) as (node, audit):
        monkeypatch.setattr(audit, "settled", lambda entry: asyncio.Event().wait())
        async with aclosing(node(request_, context())) as frames:  # type: ignore[type-var]
            async with asyncio.timeout(10):
                assert [(await anext(frames)).data for _ in range(4)] == [b"a", b"!", b"b", b"c"]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(frames), 0.05)


async def test_what_follows_the_end_of_the_only_choice_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it counted as tokens or not."""
    async with over(tmp_path, [b"a", END, Frame(data=b"[DONE]", tokens=1)]) as (node, audit):
        monkeypatch.setattr(audit, "settled", lambda entry: asyncio.Event().wait())
        async with aclosing(node(STREAM, context())) as frames:  # type: ignore[type-var]
            assert (await anext(frames)).data == b"a"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(frames), 0.05)


async def test_a_whole_answer_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its early head passes, its body does not."""
    async with over(tmp_path, [b"", END]) as (node, audit):
        monkeypatch.setattr(audit, "settled", lambda entry: asyncio.Event().wait())
        async with aclosing(node(chat("hi"), context())) as frames:  # type: ignore[type-var]
            assert (await anext(frames)).data == b""
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(frames), 0.05)


async def test_what_cannot_be_recorded_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets an error in the place of the end; the next one is not even begun."""
    async with over(tmp_path, [b"a", END]) as (node, _):
        await collect(node, STREAM)

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fdatasync", full)
        async with aclosing(node(STREAM, context())) as frames:  # type: ignore[type-var]
            assert (await anext(frames)).data == b"a"
            with pytest.raises(AuditUnavailable):
                await anext(frames)
        with pytest.raises(AuditUnavailable):
            await collect(node, STREAM)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("acts", "outcomes"),
    [
        ([b"a", EngineFailed("died")], ["engine_failed"]),
        ([b"a", ValueError("a fault")], ["internal_error"]),
        ([NoReplica("none")], []),
        ([EngineFailed("died")], ["engine_failed"]),
    ],
)
async def test_every_way_to_end_is_recorded(tmp_path: Path, acts: list[Act], outcomes: list[str]) -> None:
    """But of what was turned away before it began there is nothing to tell."""
    async with over(tmp_path, acts) as (node, _):
        with pytest.raises(type(acts[-1])):  # type: ignore[arg-type]
            await collect(node, STREAM)
    assert [record.outcome for record in kept(tmp_path)] == outcomes


async def test_a_client_that_leaves_is_recorded(tmp_path: Path) -> None:
    """With what it was sent until then, and without waiting."""
    async with over(tmp_path, [b"a", Hang()]) as (node, _), aclosing(node(STREAM, context())) as frames:  # type: ignore[type-var]
        await anext(frames)
    [record] = kept(tmp_path)
    assert (record.outcome, record.sent_sha256) == ("cancelled", sha256(b"a").hexdigest())


async def test_a_fault_of_ours_leaves_a_record(tmp_path: Path) -> None:
    """Before the first token as after it."""
    for at, acts in enumerate(([RuntimeError("broken")], [b"a", RuntimeError("broken")])):
        async with over(tmp_path / str(at), [*acts]) as (node, _):
            with pytest.raises(RuntimeError):
                await collect(node, STREAM)
        assert [record.outcome for record in kept(tmp_path / str(at))] == ["internal_error"]
