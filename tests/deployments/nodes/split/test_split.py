"""split: shares, who comes back to the same arm, and what a change of weights moves."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.graph.explain import explain
from deployments.graph.spec import dump, parse, parse_graph
from deployments.graph.subject import Subject
from deployments.nodes.split.hash import chosen, unit
from deployments.nodes.split.key import sticky_key
from deployments.nodes.split.kind import SplitSpec, plan
from deployments.request import Frame, Head
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Scripted, chat, collect, compiled, context

KEYS = [f"key-{at}" for at in range(4000)]
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 100), min_size=2)


def dealt(weights: dict[str, float], seed: str = "s") -> dict[str, str]:
    return {key: chosen(weights, seed, key) for key in KEYS}


def test_every_arm_gets_its_share():
    """Over many keys the shares are those of the weights, within four standard deviations."""
    counts = Counter(dealt({"dense": 90, "moe": 10, "none": 0}).values())
    assert counts["none"] == 0
    assert abs(counts["moe"] - 400) < 4 * (4000 * 0.1 * 0.9) ** 0.5


@given(WEIGHTS, st.floats(1.1, 10))
def test_a_larger_weight_moves_keys_to_its_arm_alone(weights, factor):
    """Nobody is moved between two arms of which neither has changed."""
    arm = min(weights)
    larger = {**weights, arm: weights[arm] * factor}
    for key in KEYS[:40]:
        before, after = chosen(weights, "s", key), chosen(larger, "s", key)
        assert after in (before, arm)


@given(WEIGHTS)
def test_a_removed_arm_moves_its_own_keys_alone(weights):
    """An arm that is taken out, or set to 0, is the only one whose keys go elsewhere."""
    gone = max(weights)
    rest = {name: weight for name, weight in weights.items() if name != gone}
    for key in KEYS[:40]:
        before = chosen(weights, "s", key)
        assert before == gone or chosen(rest, "s", key) == chosen({**weights, gone: 0}, "s", key) == before


def test_two_arms_move_no_more_than_they_must():
    """From 90:10 to 80:20 a tenth of the keys moves, all in one direction."""
    before, after = dealt({"a": 90, "b": 10}), dealt({"a": 80, "b": 20})
    moved = [key for key in KEYS if before[key] != after[key]]
    assert all(after[key] == "b" for key in moved)
    assert abs(len(moved) - 400) < 4 * (4000 * 0.1 * 0.9) ** 0.5


def test_another_seed_deals_anew():
    """Experiments with seeds of their own are independent of each other."""
    one, other = dealt({"a": 1, "b": 1}, "s"), dealt({"a": 1, "b": 1}, "t")
    both = sum(one[key] == other[key] for key in KEYS)
    assert abs(both - 2000) < 4 * (4000 * 0.25) ** 0.5


def test_a_nested_split_is_not_biased_by_the_one_above():
    """Who came to a split through another one is dealt by its weights nevertheless."""
    spec = SplitSpec.model_validate({"split": {"a": 1, "b": 1}})
    inner = Counter(spec.arm("inner", key) for key in KEYS if spec.arm("outer", key) == "b")
    assert abs(inner["a"] - inner.total() / 2) < 4 * (inner.total() * 0.25) ** 0.5


def test_the_hash_is_the_same_for_ever():
    """A known value: with another one an update would deal everybody anew."""
    assert unit("s", "a", "key-1") == pytest.approx(0.47837231939838737, abs=1e-15)
    assert 0 < unit("") < 1


@pytest.mark.parametrize(
    ("sticky", "body", "changed", "expected"),
    [
        ("tenant", {}, {"tenant": "acme"}, ("tenant", "acme")),
        ("tenant", {}, {}, ("request", "r1")),
        ("session", {}, {"headers": {"x-session-id": "s7"}}, ("session", "s7")),
        ("session", {}, {}, ("request", "r1")),
        ("user", {"user": "u"}, {}, ("user", "u")),
        ("user", {"user": "u", "safety_identifier": "i"}, {}, ("user", "i")),
        ("user", {"metadata": {"user_id": "m"}}, {}, ("user", "m")),
        ("user", {"user": 7, "metadata": []}, {}, ("request", "r1")),
        ("request", {"user": "u"}, {"tenant": "acme"}, ("request", "r1")),
    ],
)
def test_what_a_request_is_told_by(sticky, body, changed, expected):
    """A request that does not say what the split goes by is dealt by its own id."""
    assert sticky_key(sticky, chat(**body), context(**changed)) == expected


def run(spec: dict[str, Any], **changed: Any) -> Head:
    transport = Scripted({"dense": [b"a", b"b"], "moe": [b"a", b"b"]})
    frames: list[Frame] = leap(collect(compiled({"ab": spec}, transport)["ab"], chat(), context(**changed)))
    assert [frame.data for frame in frames] == [b"a", b"b"]
    assert frames[0].head is not None
    return frames[0].head


def test_says_which_arm_it_was():
    """The note becomes the header x-tercet-split, and one session stays on one arm."""
    spec = {"split": {"dense": 1, "moe": 1}, "sticky": "session"}
    for session in "abcdef":
        heads = [run(spec, request_id=f"r{at}", headers={"x-session-id": session}) for at in range(3)]
        assert len({head.notes["split"] for head in heads}) == 1
        assert heads[0].notes["split"] == f"ab={heads[0].model}"
        assert heads[0].path == ("ab", heads[0].model)


def test_nested_splits_are_noted_from_the_outside_in():
    """A split within an arm adds to the note."""
    graph = {"outer": {"split": {"inner": 1}}, "inner": {"split": {"dense": 1, "moe": 0}}}
    frames = leap(collect(compiled(graph, Scripted({"dense": [b"a"]}))["outer"]))
    assert frames[0].head is not None
    assert frames[0].head.notes["split"] == "outer=inner, inner=dense"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"split": {}}, "is empty"),
        ({"split": {"dense": 0, "moe": 0}}, "no arm with a weight above 0"),
        ({"split": {"dense": -1}}, "greater than or equal to 0"),
        ({"split": {"dense": 1}, "sticky": "weather"}, "tenant"),
        ({"split": {"dense": 1}, "stiky": "user"}, "did you mean sticky"),
    ],
)
def test_refuses_what_makes_no_sense(written, complaint):
    """Each mistake is told with the way out."""
    with pytest.raises(ValidationError, match=complaint):
        parse(written)


def test_survives_being_written_and_read():
    """What the gateway is sent is what was configured."""
    spec = parse({"split": {"dense": 90, "moe": 10}, "sticky": "user", "seed": "june"})
    assert parse(dump(spec)) == spec


def test_explains_the_arm_that_the_node_would_take():
    """The explanation and the node agree, for every tenant."""
    graph = parse_graph({"ab": {"split": {"dense": 1, "moe": 1}, "sticky": "tenant"}})
    for tenant in ("a", "b", "c", "d", "e"):
        told = explain(graph, "ab", ["dense", "moe"], chat(), context(tenant=tenant))
        taken = run({"split": {"dense": 1, "moe": 1}, "sticky": "tenant"}, tenant=tenant)
        assert told.path == ("ab", taken.model)
    why = plan(SplitSpec.model_validate({"split": {"dense": 3, "moe": 1}}), Subject(chat(), context())).why
    assert "dense 75 %, moe 25 %" in why[0]


async def test_weights_change_while_requests_run():
    """A reconfigured gateway deals by the new weights from the next request on; one under way keeps its arm."""

    def graph(dense: int, moe: int) -> dict[str, Any]:
        return {"graph": {"ab": {"split": {"dense": dense, "moe": moe}}}, "default": "ab"}

    async with engines() as transport:
        served = gateway(transport, **graph(1, 0))
        async with client(served) as calls:
            running = asyncio.create_task(calls.post("/v1/chat/completions", json=ask(max_tokens=40)))
            await asyncio.sleep(0)
            first = await calls.post("/v1/chat/completions", json=ask(max_tokens=2))
            served.reconfigure(type(served.live.settings).model_validate(
                {**served.live.settings.model_dump(mode="json", by_alias=True), **graph(0, 1)}
            ))  # fmt: skip
            second = await calls.post("/v1/chat/completions", json=ask(max_tokens=2))
            assert first.headers["x-tercet-split"] == "ab=dense"
            assert second.headers["x-tercet-split"] == "ab=moe"
            assert (await running).headers["x-tercet-model"] == "dense"
        await served.close()
