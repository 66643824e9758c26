"""What a cascade's section may say, and what the config's author is told otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cluster.checks.composition import unmet
from cluster.checks.names import circular, dangling
from cluster.parts import read
from deployments.graph.explain import explain, render
from deployments.graph.spec import dump, parse, parse_graph
from tests.deployments.scripted import chat, context

JUDGE = {"by": "dense", "at_least": 0.7, "wait": "2s", "unsure": "accept"}
ALL = {
    "mean_logprob": -0.8, "margin": 0.5, "after": 16, "min_tokens": 4, "max_tokens": 400, "refusal": False,
    "schema": True, "judge": JUDGE,
}  # fmt: skip
SURE = {"mean_logprob": -0.8}


def complaint(*stages: Any) -> tuple[tuple[str | int, ...], str]:
    with pytest.raises(ValidationError) as caught:
        parse({"cascade": list(stages)})
    line = caught.value.errors()[0]
    return line["loc"], line["msg"]


def test_reads_back_what_it_writes() -> None:
    """A gateway gets the section as data."""
    spec = parse({"cascade": [{"to": "distilled", "accept": ALL}, {"to": "moe"}]})
    assert parse(dump(spec)) == spec
    assert dump(spec)["cascade"][0]["accept"]["schema"] is True


def test_leads_to_its_stages_and_judges_and_answers_from_its_stages() -> None:
    """A judge must exist, but no client gets its answer."""
    spec = parse({"cascade": [{"to": "distilled", "accept": ALL}, {"to": "moe"}]})
    assert [name for _, name in spec.targets()] == ["distilled", "moe", "dense"]
    assert spec.answering() == ["distilled", "moe"]


@pytest.mark.parametrize(
    ("stages", "loc", "said"),
    [
        ([], ("cascade",), "is empty"),
        ([{"to": "a"}, {"to": "b"}], ("cascade", 0), "accepts every answer, so no later stage answers"),
        ([{"to": "a", "accept": SURE}], ("cascade", 0, "accept"), "has nobody to escalate to"),
        ([{"to": "a", "accept": SURE}, {"to": "a"}], ("cascade", 1, "to"), "is already an earlier stage"),
        ([{"to": "a", "accept": {}}, {"to": "b"}], ("cascade", 0, "accept"), "turns no answer away"),
        ([{"to": "a", "accept": {"after": 8}}, {"to": "b"}], ("cascade", 0, "accept"), "turns no answer away"),
        (
            [{"to": "a", "accept": {"mean_logprob": 0.5}}, {"to": "b"}],
            ("cascade", 0, "accept", "mean_logprob"),
            "less than or equal to 0",
        ),
        (
            [{"to": "a", "accept": {"min_tokens": 9, "max_tokens": 4}}, {"to": "b"}],
            ("cascade", 0, "accept", "max_tokens"),
            "is less than min_tokens (9)",
        ),
        (
            [{"to": "a", "accept": {"meanlogprob": -1}}, {"to": "b"}],
            ("cascade", 0, "accept", "meanlogprob"),
            "did you mean mean_logprob?",
        ),
        (
            [{"to": "a", "accept": {"judge": {"by": "c", "at_least": 7}}}, {"to": "b"}],
            ("cascade", 0, "accept", "judge", "at_least"),
            "less than or equal to 1",
        ),
    ],
)
def test_complaints_name_the_place_and_the_way_out(
    stages: list[Any], loc: tuple[str | int, ...], said: str
) -> None:  # fmt: skip
    """One mistake, one line, where it was made."""
    where, told = complaint(*stages)
    assert (where, said in told) == (loc, True), (where, told)


def test_a_judge_that_does_not_exist_is_found_and_one_that_leads_back_too() -> None:
    """The judge is an edge like any other."""
    models = {name: {"source": "demo/dense"} for name in ("dense", "distilled", "moe")}
    stages = [{"to": "distilled", "accept": {"judge": {"by": "nobody", "at_least": 0.5}}}, {"to": "moe"}]
    _, parts, _ = read({"models": models, "graph": {"auto": {"cascade": stages}}})
    assert [problem.path for problem in dangling(parts)] == ["graph.auto.cascade[0].accept.judge.by"]
    stages[0]["accept"]["judge"]["by"] = "auto"  # type: ignore[index]
    _, parts, _ = read({"models": models, "graph": {"auto": {"cascade": stages}}})
    assert [problem.message for problem in circular(parts)] == ["leads back to itself: auto -> auto"]


def test_what_a_stage_cannot_give_is_said_when_the_config_is_loaded() -> None:
    """A pool without tokens has no probabilities to be judged by."""
    models = {"vectors": {"family": "pooling", "source": "demo/embedding"}, "moe": {"source": "demo/moe"}}
    graph = {"auto": {"cascade": [{"to": "vectors", "accept": SURE}, {"to": "moe"}]}}
    _, parts, _ = read({"models": models, "graph": graph})
    assert [(problem.path, problem.message) for problem in unmet(parts)] == [
        ("graph.auto.cascade[0].accept.mean_logprob",
         "auto needs log-probabilities from vectors; vectors gives none"),
    ]  # fmt: skip


def test_explains_what_each_stage_must_be_like() -> None:
    """Who reads it learns what decides, and that a stream is judged earlier."""
    graph = parse_graph({"auto": {"cascade": [{"to": "distilled", "accept": ALL}, {"to": "moe"}]}})
    models = ["distilled", "moe", "dense"]
    streamed = render(explain(graph, "auto", models, chat("hi", stream=True), context()))
    assert streamed.startswith("path: auto > distilled")
    assert (
        "distilled answers if mean_logprob is at least -0.8 over the first 16 tokens, margin is at least 0.5 over the "
        "first 16 tokens, it has at least 4 tokens, it has at most 400 tokens, it does not refuse, it meets the "
        "request's schema, dense scores it at least 0.7" in streamed
    )
    assert "moe answers what is left" in streamed
    assert "over all tokens" in render(explain(graph, "auto", models, chat("hi"), context()))
    several = render(explain(graph, "auto", models, chat("hi", n=3), context()))
    assert "distilled answers: the request asks for several answers, so there is nothing to judge" in several
