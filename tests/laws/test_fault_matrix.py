"""Every fault against every kind of node: what a client gets when the first of its targets goes wrong.

The first target is ``dense``, where the fault is; ``moe`` is sound. An entry is the model that answered, the error's
code where no answer began, or ``cut:`` and the code where a stream broke off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest

from deployments.graph.compile import kind_of
from deployments.graph.spec import parse
from deployments.nodes.registry import KINDS
from tests.deployments.leap import leap
from tests.laws.world import Fault, Told, call, gateway, running

TIMEOUT_S = 60.0
FAULTS: tuple[Fault, ...] = ("refuse", "slow", "stall", "die", "garbage", "overload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node, and by fault what its clients get, streamed and whole; ``body`` is added to the request."""

    node: Mapping[str, Any]
    streamed: tuple[str, str, str, str, str, str]
    whole: tuple[str, str, str, str, str, str]
    path: str = "/v1/chat/completions"
    words: int = 3
    brown_out: Mapping[str, float] = field(default_factory=dict)


# What a node that only hands on makes of each fault: nothing.
STREAMED = ("no_replica", "dense", "cut:deadline_exceeded", "cut:engine_failed", "garbage", "dense")
WHOLE = ("no_replica", "dense", "deadline_exceeded", "engine_failed", "garbage", "dense")
LIMITS = {"first_token": "2s", "between_tokens": "2s"}
LONG = {"longform": "moe", "summarise": "dense", "part": 64, "summary_ratio": 0.4, "answer": 100}

# fmt: off
ROWS: Mapping[str, Row] = {
    "switch": Row(
        node={"switch": [{"to": "dense"}]},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "fallback": Row(
        node={"fallback": ["dense", "moe"], "timeout": LIMITS},
        streamed=("moe", "moe", "cut:stalled", "cut:engine_failed", "garbage", "moe"),
        whole=("moe", "moe", "deadline_exceeded", "moe", "garbage", "moe"),
    ),
    "fallback that resumes": Row(
        node={"fallback": ["dense", "moe"], "timeout": LIMITS, "resume": True},
        streamed=("moe", "moe", "dense", "dense", "garbage", "moe"),
        whole=("moe", "moe", "deadline_exceeded", "moe", "garbage", "moe"),
    ),
    "hedge": Row(
        node={"hedge": ["dense", "moe"], "after": "1s", "at_most": 1.0},
        streamed=("moe", "moe", "cut:deadline_exceeded", "cut:engine_failed", "garbage", "moe"),
        whole=("moe", "moe", "deadline_exceeded", "moe", "garbage", "moe"),
    ),
    "deadline": Row(
        node={"deadline": "dense", "first_token": "2s", "total": "10s"},
        streamed=(
            "no_replica", "first_token_timeout", "cut:deadline_exceeded", "cut:engine_failed", "garbage",
            "first_token_timeout",
        ),
        whole=(
            "no_replica", "first_token_timeout", "deadline_exceeded", "engine_failed", "garbage", "first_token_timeout",
        ),
    ),
    "cascade": Row(
        node={"cascade": [{"to": "dense", "accept": {"min_tokens": 4}}, {"to": "moe"}]},
        streamed=("moe", "dense", "deadline_exceeded", "moe", "moe", "dense"),
        whole=("moe", "dense", "deadline_exceeded", "moe", "moe", "dense"),
    ),
    "ensemble": Row(
        node={"ensemble": ["dense", "moe"], "choose": "vote", "wait": "2s"},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "ensemble's merger": Row(
        node={"ensemble": ["moe", "distilled"], "choose": "merge", "merger": "dense"},
        streamed=("moe", "dense", "cut:deadline_exceeded", "cut:engine_failed", "garbage", "dense"),
        whole=("moe", "dense", "deadline_exceeded", "moe", "garbage", "dense"),
    ),
    "ensemble's judge": Row(
        node={"ensemble": ["moe", "distilled"], "choose": "judge", "judge": "dense", "judge_wait": "2s"},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "canary": Row(
        node={"canary": "dense", "to": "moe", "mirror": {"share": 1.0}},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "canary's candidate": Row(
        node={"canary": "moe", "to": "dense", "mirror": {"share": 1.0}},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "brown-out": Row(
        node={"brown-out": "dense", "to": "moe"},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "brown-out's stand-in": Row(
        node={"brown-out": "moe", "to": "dense"},
        streamed=("moe", "dense", "cut:deadline_exceeded", "cut:engine_failed", "garbage", "dense"),
        whole=("moe", "dense", "deadline_exceeded", "moe", "garbage", "dense"),
        brown_out={"moe": 1.0},
    ),
    "split": Row(
        node={"split": {"dense": 1}},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "record": Row(
        node={"record": "dense"},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "shadow": Row(
        node={"shadow": "dense", "to": "moe", "share": 1.0},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "shadow's candidate": Row(
        node={"shadow": "moe", "to": "dense", "share": 1.0},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "coalesce": Row(
        node={"coalesce": "dense"},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "cache": Row(
        node={"cache": "dense", "any": True},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "admission": Row(
        node={"admission": "dense", "concurrent": 1},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "batch": Row(
        node={"batch": "dense"},
        path="/v1/completions",
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "longform": Row(
        node={"longform": "dense"},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "longform's summaries": Row(
        node=LONG,
        words=400,
        streamed=(
            "cut:engine_failed", "moe", "cut:deadline_exceeded", "cut:engine_failed", "cut:engine_failed", "moe",
        ),
        whole=("engine_failed", "moe", "deadline_exceeded", "engine_failed", "engine_failed", "moe"),
    ),
    "transform": Row(
        node={"transform": "dense", "system": "Be brief."},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "transform of answers": Row(
        node={"transform": "dense", "trim": True},
        streamed=("no_replica", "dense", "cut:deadline_exceeded", "cut:engine_failed", "engine_failed", "dense"),
        whole=("no_replica", "dense", "deadline_exceeded", "engine_failed", "engine_failed", "dense"),
    ),
    "redact": Row(
        node={"redact": "dense"},
        streamed=STREAMED,
        whole=WHOLE,
    ),
    "redact of answers": Row(
        node={"redact": "dense", "direction": "output"},
        streamed=("no_replica", "dense", "cut:deadline_exceeded", "cut:engine_failed", "engine_failed", "dense"),
        whole=("no_replica", "dense", "deadline_exceeded", "engine_failed", "engine_failed", "dense"),
    ),
    "redact's names": Row(
        node={"redact": "moe", "names": {"model": "dense", "otherwise": "pass", "within": "2s"}},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "redact that needs names": Row(
        node={"redact": "moe", "names": {"model": "dense", "within": "2s"}},
        streamed=("declined",) * 6,
        whole=("declined",) * 6,
    ),
    "guard": Row(
        node={"guard": "dense", "input": [{"injection": True}], "output": [{"words": ["never said"]}]},
        streamed=("no_replica", "dense", "cut:deadline_exceeded", "cut:engine_failed", "engine_failed", "dense"),
        whole=("no_replica", "dense", "deadline_exceeded", "engine_failed", "engine_failed", "dense"),
    ),
    "guard's judge": Row(
        node={"guard": "moe", "input": [{"judge": "dense", "without_verdict": "pass", "wait": "2s"}]},
        streamed=("moe",) * 6,
        whole=("moe",) * 6,
    ),
    "guard that routes": Row(
        node={"guard": "moe", "input": [{"patterns": ["word"], "action": "route", "to": "dense"}]},
        streamed=STREAMED,
        whole=WHOLE,
    ),
}
# fmt: on


async def outcome(row: Row, fault: Fault, *, stream: bool) -> str:
    """Return what a client gets, after making sure that nothing is left at work."""
    text = " ".join(["word"] * row.words)
    said = {"prompt": text} if row.path == "/v1/completions" else {"messages": [{"role": "user", "content": text}]}
    body = {"model": "n", "stream": stream, "temperature": 0, "max_tokens": 8, "service_tier": "flex", **said}
    async with running({"dense": (fault,)}) as world:
        served = gateway(world, {"n": row.node}, timeout_s=TIMEOUT_S, brown_out=row.brown_out)
        told = await call(served, body, path=row.path)
        await served._background.close()
        assert world.open == 0
        assert told.took_s <= TIMEOUT_S + 0.001
    return read(told)


def read(told: Told) -> str:
    """Return an entry of the table."""
    if b"\xff" in told.body:
        return "garbage"
    [ending] = told.terminals()
    if ending == "ok":
        return told.headers["x-tercet-model"]
    return f"cut:{ending}" if told.streamed else ending


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ROWS)
def test_matrix(name: str, fault: Fault) -> None:
    """The table holds for streamed answers and for whole ones."""
    row, at = ROWS[name], FAULTS.index(fault)
    got = leap(outcome(row, fault, stream=True)), leap(outcome(row, fault, stream=False))
    assert got == (row.streamed[at], row.whole[at])


def test_every_registered_kind_has_a_row() -> None:
    """A new kind is not done before it is known what its clients get when things go wrong."""
    assert {kind_of(parse(row.node)) for row in ROWS.values()} == set(KINDS)


def test_every_fault_has_a_column() -> None:
    """What the random laws try is in the table as well, but for faults of our own code."""
    assert set(FAULTS) == set(get_args(Fault)) - {"none", "crash"}
