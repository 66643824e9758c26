"""canary: who is answered by whom in each stage, what is counted, and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from autoscale.controller.canaries import Canaries
from deployments.canary import CanaryStage, Status, stage_of
from deployments.errors import EngineFailed, FirstTokenTimeout, Invalid, NoReplica, Overloaded
from deployments.graph.background import Background
from deployments.graph.explain import explain
from deployments.graph.spec import dump, parse, parse_graph
from deployments.nodes.canary.spec import CanarySpec
from deployments.nodes.canary.tally import canary_reports
from deployments.request import Frame, Head
from deployments.signals import FleetView
from tests.deployments.gateway.building import ask, client, engines, fleet, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context
from tests.exposition import exposition

SECTION: dict[str, Any] = {"canary": "dense", "to": "moe", "mirror": {"share": 1}}
ROUGH = {"error_rate": {"at_most": "5%"}}


class Bench:
    """One gateway's graph with a canary, and a fleet controller's word that a test sets."""

    def __init__(self, dense: list[Act], moe: list[Act], **options: Any) -> None:
        self.memory: dict[str, object] = {}
        self.background = Background()
        self.graph = {"c": {**SECTION, **options}}
        self.spec = parse(self.graph["c"])
        assert isinstance(self.spec, CanarySpec)
        self.view: FleetView | None = None
        self.transport = Scripted({"dense": dense, "moe": moe})
        self.nodes = compiled(
            self.graph, self.transport, memory=self.memory, background=self.background, fleet=lambda: self.view
        )

    def tell(self, index: int, status: Status = "running") -> None:
        assert isinstance(self.spec, CanarySpec)
        stage = stage_of("c", self.spec.shares(), index, status, 1)
        self.view = FleetView(at_s=0.0, pools={}, canaries={self.spec.id("c"): stage})

    async def arms(self, requests: int = 400, prefix: str = "r", **changed: Any) -> dict[str, str]:
        found = {}
        for at in range(requests):
            frames = await collect(self.nodes["c"], chat(), context(**{"request_id": f"{prefix}{at}", **changed}))
            head = frames[0].head
            assert head is not None
            assert head.notes["canary"] == f"c={head.model}"
            found[f"{prefix}{at}"] = head.model
        while len(self.background):  # noqa: ASYNC110 - in leapt time, which costs none
            await asyncio.sleep(0.1)
        return found


@pytest.mark.parametrize(("index", "share"), [(0, 0.0), (1, 0.01), (2, 0.1), (3, 0.5), (4, 1.0)])
def test_each_stage_gives_the_candidate_its_share(index, share):
    """Everybody else is answered as before."""
    bench = Bench([b"a"], [b"a"], mirror={"share": 0.1})
    bench.tell(index)
    counts = Counter(leap(bench.arms()).values())
    assert abs(counts["moe"] - 400 * share) <= 4 * (400 * share * (1 - share)) ** 0.5


def test_a_larger_stage_keeps_those_that_the_candidate_had():
    """Nobody goes back and forth while the canary advances."""
    bench = Bench([b"a"], [b"a"])
    before: set[str] = set()
    for index in range(5):
        bench.tell(index)
        now = {key for key, arm in leap(bench.arms(100)).items() if arm == "moe"}
        assert before <= now
        before = now
    assert len(before) == 100


def test_one_session_stays_on_its_side():
    """With a key of its own a caller sees one model."""
    bench = Bench([b"a"], [b"a"], sticky="session")
    bench.tell(3)
    for session in "abcdef":
        assert len(set(leap(bench.arms(4, headers={"x-session-id": session})).values())) == 1


def test_whoever_has_heard_of_no_stage_gives_the_candidate_nothing():
    """A gateway that starts while the controller is away is safe."""
    bench = Bench([b"a"], [b"a"])
    assert set(leap(bench.arms(50)).values()) == {"dense"}
    assert "open moe" not in bench.transport.log


def test_the_last_stage_holds_while_the_controller_is_away_or_begins_anew():
    """No word, or one that does not know the canary yet, changes nothing."""
    bench = Bench([b"a"], [b"a"])
    bench.tell(4)
    leap(bench.arms(1))
    for view in (None, FleetView(at_s=0.0, pools={})):
        bench.view = view
        assert set(leap(bench.arms(20)).values()) == {"moe"}


def test_what_was_rolled_back_is_not_asked_again():
    """Not even with a mirrored request."""
    bench = Bench([b"a"], [b"a"])
    bench.tell(3, "rolled_back")
    assert set(leap(bench.arms(20)).values()) == {"dense"}
    assert "open moe" not in bench.transport.log


def test_others_requests_are_mirrored_and_counted():
    """In every stage that has others; the report tells the arms apart."""
    bench = Bench([b"same"], [b"same"], mirror={"share": 1, "at_once": 64})
    bench.tell(3)
    counts = Counter(leap(bench.arms(40)).values())
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    told = report.counts
    assert (told.base.ok, told.candidate.ok) == (counts["dense"], counts["moe"])
    assert told.mirrored.ok == told.judged == told.agreement == counts["dense"]
    assert told.candidate.ttft.total == counts["moe"]
    assert report.id == CanarySpec.model_validate(bench.graph["c"]).id("c")


@pytest.mark.parametrize(
    ("acts", "failed"), [([EngineFailed("died")], 1), ([b"a", EngineFailed("died")], 1), ([Invalid("bad")], 0)]
)
def test_failures_of_the_candidate_are_counted(acts, failed):
    """What the client did wrong is not the candidate's."""
    bench = Bench([b"a"], acts)
    bench.tell(4)
    with pytest.raises((EngineFailed, Invalid)):
        leap(bench.arms(1))
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    assert (report.counts.candidate.ok, report.counts.candidate.failed) == (0, failed)


@pytest.mark.parametrize(
    "act", [NoReplica("the pool has no replica yet"), Overloaded("full"), Hang(), FirstTokenTimeout("late")]
)
def test_a_candidate_that_is_still_loading_is_not_given_up(act):
    """Mirrored requests that were turned away or ran out of time say nothing; the stage waits for an answer."""
    bench, canaries = Bench([b"a"], [act]), Canaries()
    bench.tell(0)
    graph = parse_graph(bench.graph)
    canaries.hear("gateway", canary_reports(graph, bench.memory), 0.0)
    leap(bench.arms(60))
    (report,) = canary_reports(graph, bench.memory)
    assert report.counts.mirrored.requests == 0
    canaries.hear("gateway", (report,), 1.0)
    canaries.step(50.0)
    told = canaries.status()["c"]
    assert (told["status"], told["index"]) == ("running", 0)
    assert "answered nothing yet" in told["reason"]


def test_a_candidate_that_breaks_mirrored_requests_is_given_up():
    """What the candidate itself did wrong counts, with nobody there to notice it."""
    bench, canaries = Bench([b"a"], [EngineFailed("died")], mirror={"share": 1, "at_once": 64}), Canaries()
    bench.tell(0)
    graph = parse_graph(bench.graph)
    canaries.hear("gateway", canary_reports(graph, bench.memory), 0.0)
    leap(bench.arms(10))
    canaries.hear("gateway", canary_reports(graph, bench.memory), 1.0)
    canaries.step(2.0)
    assert canaries.status()["c"]["status"] == "rolled_back"


def test_a_client_that_leaves_is_not_counted():
    """Its patience says nothing of the candidate."""
    bench = Bench([b"a"], [b"a", Hang()])
    bench.tell(4)

    async def leave() -> None:
        answer = asyncio.create_task(collect(bench.nodes["c"], chat(stream=True)))
        await asyncio.sleep(5)
        answer.cancel()
        await asyncio.wait([answer])

    leap(leave())
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    assert report.counts.candidate.requests == 0


def test_an_answer_that_a_node_above_cuts_short_is_a_good_one():
    """Failures count, so what did not fail must; a head alone is no answer yet."""
    bench = Bench([b"a"], [Pause(0.5), b"a", b"b", Hang()])
    bench.tell(4)

    async def enough(frames: int) -> None:
        answer = bench.nodes["c"](chat(stream=True), context())
        for _ in range(frames):
            await anext(answer)
        await answer.aclose()  # type: ignore[attr-defined]

    leap(enough(2))
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    assert (report.counts.candidate.ok, report.counts.candidate.failed) == (1, 0)
    assert report.counts.candidate.ttft.sum_s == pytest.approx(0.5)
    bench.transport._pools = {"moe": [Frame(data=b"", head=Head(model="moe", path=())), Hang()]}
    leap(enough(1))
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    assert report.counts.candidate.requests == 1


def test_a_canary_below_a_transform_advances():
    """Its stops are no client's that left; a marker in the last frame leaves a whole answer, which is mirrored."""
    bench = Bench([b"a", Frame(data=b"b", text="b", tokens=1, finish_reason="stop"), Hang()], [b"a"],
                  mirror={"share": 1, "at_once": 64})  # fmt: skip
    bench.tell(3)
    bench.nodes = compiled(
        {**bench.graph, "t": {"transform": "c", "stop_after": "b"}},
        bench.transport,
        memory=bench.memory,
        background=bench.background,
        fleet=lambda: bench.view,
    )

    async def ask_all() -> None:
        for at in range(40):
            await collect(bench.nodes["t"], chat(stream=True), context(request_id=f"r{at}"))
        while len(bench.background):  # noqa: ASYNC110 - in leapt time, which costs none
            await asyncio.sleep(0.1)

    leap(ask_all())
    (report,) = canary_reports(parse_graph(bench.graph), bench.memory)
    told = report.counts
    assert (told.base.ok + told.candidate.ok, told.base.failed + told.candidate.failed) == (40, 0)
    assert 0 < told.base.ok == told.mirrored.ok


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"to": "dense"}, "answers already"),
        ({"stages": []}, "is empty"),
        ({"stages": ["10%", "5%"]}, "no more than the stage before it"),
        ({"stages": ["1%", "shadow"]}, "no more than the stage before it"),
        ({"stages": [0, "10%"]}, "write shadow"),
        ({"stages": ["200%"]}, "between 0% and 100%"),
        ({"stages": ["100%"], "gates": {"ttft_p95": {"worse_by": "20%"}}}, "answers nothing at 100%"),
        ({"gates": {"quality": {"at_least": 0.8}}, "mirror": {"share": 0}}, "none is mirrored"),
        ({"mirror": {"share": 0}}, "would never end"),
        ({"mirror": {"compare": "judge"}}, "required by compare: judge"),
        ({"min_requests": 20}, "set min_requests to 30 or more, or gates.error_rate.at_most to 1.5% or more"),
        ({"gates": {"error_rate": {"at_most": "0.1%"}}}, r"min_requests \(50\) .* set min_requests to 300 or more"),
        ({"gates": {"error": {}}}, "did you mean error_rate"),
    ],
)
def test_refuses_what_makes_no_sense(written, complaint):
    """Each mistake is told with the way out."""
    with pytest.raises(ValidationError, match=complaint):
        parse({**SECTION, **written})


def test_is_written_read_and_explained():
    """What the gateway is sent is what was configured; to hold a canary does not begin it anew."""
    written = {
        **SECTION,
        "stages": ["shadow", "1%", "10%", "50%", "100%"],
        "hold_each": "10m",
        "gates": {"error_rate": {"at_most": "1%", "worse_by": "0.5%"}, "quality": {"at_least": 0.8}},
    }
    spec = CanarySpec.model_validate(written)
    assert parse(dump(spec)) == spec
    assert spec.id("c") == CanarySpec.model_validate({**written, "held": True}).id("c")
    assert spec.id("c") == CanarySpec.model_validate(dump(spec)).id("c")
    assert spec.id("c") != CanarySpec.model_validate({**written, "min_requests": 51}).id("c")
    told = explain(parse_graph({"c": written}), "c", ["dense", "moe"], chat(), context())
    assert "shadow, 1 %, 10 %, 50 %, 100 %" in told.step.why[0]


async def test_two_gateways_and_a_controller_hand_over_to_the_candidate():
    """Over synthetic engines: mirrored, a half, all; both gateways are always in the same stage, and metrics tell."""
    section = {**SECTION, "stages": ["shadow", "50%", "100%"], "hold_each": 0, "min_requests": 10, "gates": ROUGH}
    canaries, now_s = Canaries(), 0.0
    told: dict[str, CanaryStage] = {}

    def view() -> FleetView:
        known = fleet()
        return FleetView(at_s=known.at_s, pools=known.pools, canaries=told)

    async with engines() as transport:
        pair = [gateway(transport, view, graph={"c": section}, default="c") for _ in range(2)]
        seen: list[str] = []
        for _ in range(50):
            for number, served in enumerate(pair):
                canaries.hear(f"gw{number}", served.signals(now_s).canaries, now_s)
            if canaries.step(now_s):
                canaries.publish(canaries.plain())
            told = dict(canaries.stages())
            now_s += 1
            (stage,) = told.values()
            seen.append(f"{stage.share:g} {stage.status}")
            assert all(
                f'tercet_canary_share{{node="c"}} {stage.share}'.encode() in exposition(one.metrics) for one in pair
            )
            if stage.status == "promoted":
                break
            for served in pair:
                async with client(served) as calls:
                    for _ in range(12):
                        answer = await calls.post("/v1/chat/completions", json=ask(max_tokens=2))
                        assert answer.status_code == 200
        for served in pair:
            async with client(served) as calls:
                answer = await calls.post("/v1/chat/completions", json=ask(max_tokens=2))
                assert answer.headers["x-tercet-canary"] == "c=moe"
            await served.close()
    assert list(dict.fromkeys(seen)) == ["0 running", "0.5 running", "1 running", "1 promoted"]
