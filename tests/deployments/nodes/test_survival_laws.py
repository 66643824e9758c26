"""Laws of fallback, hedge and deadline, for every way in which their targets may fail and every way to nest them."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.errors import EngineFailed, Invalid, NoReplica, Overloaded, ServingError
from deployments.layers.deadline import deadline
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, compiled, context

POOLS = ("dense", "moe", "distilled")
OWN_S = 20.0

pauses = st.sampled_from([0.1, 0.5, 1.0, 3.0, 8.0]).map(Pause)
failures = st.sampled_from(
    [Hang(), EngineFailed("died"), Overloaded("full"), NoReplica("none"), Invalid("bad"), ServingError("?")]
)


@st.composite
def scripts(draw: st.DrawFn, pool: str) -> list[Act]:
    """Return pauses and tokens that tell whose they are, with a failure at the end or none."""
    acts: list[Act] = []
    for at in range(draw(st.integers(0, 4))):
        acts += [*draw(st.lists(pauses, max_size=1)), f"{pool}-{at} ".encode()]
    return [*acts, *draw(st.lists(pauses, max_size=1)), *draw(st.lists(failures, max_size=1))]


@st.composite
def sections(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a node of one of the three kinds that leads to some of *names*, the first of them included."""
    targets = [names[0], *draw(st.permutations(names[1:]))[: draw(st.integers(1, 2))]]
    limits = {"first_token": st.just("2s"), "between_tokens": st.just("2s"), "total": st.just("6s")}
    kinds: list[st.SearchStrategy[dict[str, Any]]] = [
        st.fixed_dictionaries(
            {"fallback": st.just(targets), "timeout": st.fixed_dictionaries({}, optional=limits)},
            optional={"breaker": st.just(False)},
        ),
        st.fixed_dictionaries({"hedge": st.just(targets), "after": st.sampled_from([0, "1s", "p95"])}),
        st.fixed_dictionaries({"deadline": st.just(targets[0]), "total": st.just("4s")}),
    ]
    return draw(st.one_of(kinds))


async def run(graph: dict[str, Any], transport: Scripted, leaves_s: float | None) -> tuple[bytes, list[str], float]:
    """Ask the outer node as a client that may leave; return what it got, how that ended, and when."""
    loop, got, ends = asyncio.get_running_loop(), [], []
    node = deadline(loop.time)(compiled(graph, transport)["outer"])

    async def read() -> None:
        try:
            async for frame in node(chat(stream=True), context(deadline_s=OWN_S)):
                got.append(frame.data)  # noqa: PERF401 - what came before an error counts
            ends.append("ok")
        except ServingError as error:
            ends.append(error.code)

    reading = asyncio.create_task(read())
    await asyncio.wait([reading], timeout=leaves_s)
    reading.cancel()
    await asyncio.wait([reading])
    return b"".join(got), ends, loop.time()


@settings(max_examples=150, deadline=None)
@given(
    dense=scripts("dense"),
    moe=scripts("moe"),
    distilled=scripts("distilled"),
    inner=sections(POOLS),
    outer=sections(("inner", *POOLS)),
    leaves_s=st.one_of(st.none(), st.sampled_from([0.05, 1.5, 6.5])),
)
def test_laws(
    dense: list[Act],
    moe: list[Act],
    distilled: list[Act],
    inner: dict[str, Any],
    outer: dict[str, Any],
    leaves_s: float | None,
) -> None:
    """One end; one pool's answer, from its start, whole where it is called so; in time; and nothing goes on after."""
    pools = {"dense": dense, "moe": moe, "distilled": distilled}
    transport = Scripted(pools)
    got, ends, at_s = leap(run({"inner": inner, "outer": outer}, transport, leaves_s))
    opened = [line for line in transport.log if line.startswith("open")]
    closed = [line for line in transport.log if line.startswith("close")]
    assert sorted(line.split()[1] for line in opened) == sorted(line.split()[1] for line in closed)
    assert len(ends) == 1 if leaves_s is None else len(ends) <= 1
    assert at_s <= OWN_S + 0.001
    said = {name: b"".join(act for act in acts if isinstance(act, bytes)) for name, acts in pools.items()}
    assert any(whole.startswith(got) for whole in said.values())
    if ends == ["ok"]:
        # An end without an answer is an error to whoever has another target, and else to the gateway.
        assert got or "deadline" in outer
        assert got in said.values()
