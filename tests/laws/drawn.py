"""One strategy for every kind of graph node: a section of it that leads to given names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from tests.laws.world import POOLS

Names = st.SearchStrategy[str]
Section = st.SearchStrategy[dict[str, Any]]

SECONDS = st.sampled_from([0.01, 0.1, 0.5, 3.0])


def _several(to: Names, least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(to, min_size=least, max_size=most, unique=True)


def _with(**optional: st.SearchStrategy[Any]) -> Section:
    """Return any subset of the options."""
    return st.fixed_dictionaries({}, optional=optional)


def _node(section: Section, options: Section) -> Section:
    return st.builds(lambda one, more: {**one, **more}, section, options)


def _one(kind: str, to: Names, options: Section) -> Section:
    return _node(st.fixed_dictionaries({kind: to}), options)


def switch(to: Names) -> Section:
    when = st.sampled_from([{"header": {"x-class": "a"}}, {"complexity": {"below": 0.3}}, {"tenant": "t"}])
    cases = st.lists(st.fixed_dictionaries({"when": when, "to": to}), max_size=2)
    return st.builds(lambda some, last: {"switch": [*some, {"to": last}]}, cases, to)


def fallback(to: Names) -> Section:
    limits = _with(first_token=st.sampled_from([0.1, 1.0]), between_tokens=st.sampled_from([0.1, 1.0]))
    options = _with(timeout=limits, resume=st.booleans(), breaker=_with(consecutive=st.integers(1, 3)))
    return _node(st.fixed_dictionaries({"fallback": _several(to, 1, 3)}), options)


def hedge(to: Names) -> Section:
    options = _with(after=st.sampled_from([0, 0.05, 1.0, "p95"]), at_most=st.sampled_from([0.05, 1.0]))
    return _node(st.fixed_dictionaries({"hedge": st.lists(to, min_size=2, max_size=3)}), options)


def deadline(to: Names) -> Section:
    bounds = st.sampled_from([{"total": 0.5}, {"first_token": 0.2}, {"total": 5, "first_token": 1}])
    return _one("deadline", to, bounds)


def cascade(to: Names) -> Section:
    accept = st.sampled_from([{"min_tokens": 6}, {"max_tokens": 5}, {"refusal": False}, {"mean_logprob": -1.0}])
    first = st.fixed_dictionaries({"accept": accept})
    return st.builds(
        lambda names, judged: {"cascade": [{"to": names[0], **judged}, *({"to": last} for last in names[1:2])]},
        _several(to, 2, 2),
        first,
    )


def ensemble(to: Names) -> Section:
    choose = st.one_of(
        st.just({"choose": "vote"}),
        st.fixed_dictionaries({"choose": st.just("judge"), "judge": to, "judge_wait": SECONDS}),
        st.fixed_dictionaries({"choose": st.just("merge"), "merger": to}),
    )
    targets = st.fixed_dictionaries({"ensemble": st.lists(to, min_size=2, max_size=3)})
    return _node(_node(targets, choose), _with(quorum=st.integers(1, 2), wait=SECONDS))


def canary(to: Names) -> Section:
    return st.builds(
        lambda names, share, limit_s: {
            "canary": names[0], "to": names[1], "mirror": {"share": share, "timeout": limit_s},
        },
        _several(to, 2, 2),
        st.sampled_from([0.5, 1.0]),
        SECONDS,
    )  # fmt: skip


def brown_out(to: Names) -> Section:
    return st.builds(
        lambda names, sticky: {"brown-out": names[0], "to": names[1:], "sticky": sticky},
        _several(to, 2, 3),
        st.sampled_from(["request", "session"]),
    )


def split(to: Names) -> Section:
    weights = st.dictionaries(to, st.sampled_from([1, 2.5]), min_size=1, max_size=3)
    return _node(st.fixed_dictionaries({"split": weights}), _with(sticky=st.sampled_from(["request", "tenant"])))


def record(to: Names) -> Section:
    return _one("record", to, _with(share=st.sampled_from([0.5, 1.0])))


def shadow(to: Names) -> Section:
    return st.builds(
        lambda names, share, limit_s: {"shadow": names[0], "to": names[1], "share": share, "timeout": limit_s},
        _several(to, 2, 2),
        st.sampled_from([0.5, 1.0]),
        SECONDS,
    )


def coalesce(to: Names) -> Section:
    return _one("coalesce", to, _with(any=st.booleans(), window=SECONDS, memory=st.sampled_from([300, 2**20])))


def cache(to: Names) -> Section:
    options = _with(
        any=st.booleans(), ttl=SECONDS, stale=st.sampled_from([0, 30]), largest=st.sampled_from([300, 2**20])
    )
    return _one("cache", to, options)


def admission(to: Names) -> Section:
    classes = st.just({"urgent": {"priority": 5, "when": {"header": {"x-class": "a"}}}, "rest": {}})
    options = _with(
        concurrent=st.integers(1, 2), queue=st.integers(0, 2), wait=SECONDS, per_tenant=st.integers(1, 3),
        classes=classes,
    )  # fmt: skip
    return _one("admission", to, options)


def batch(to: Names) -> Section:
    return _one("batch", to, _with(max=st.integers(2, 3), wait=st.sampled_from([0.01, 0.5])))


def longform(to: Names) -> Section:
    return _one("longform", to, st.just({"part": 64, "summary_ratio": 0.4, "budget": 400, "answer": 100}))


def transform(to: Names) -> Section:
    return _one("transform", to, st.sampled_from([{"system": "Be brief."}, {"trim": True}, {"stop_after": "money"}]))


def redact(to: Names) -> Section:
    action = st.sampled_from(["mask", "flag"])
    names = to.map(lambda name: {"model": name, "otherwise": "pass", "within": 0.5})
    options = st.one_of(_with(direction=st.sampled_from(["input", "output"]), action=action), _with(names=names))
    return _one("redact", to, options)


def guard(to: Names) -> Section:
    words: dict[str, Any] = {"words": ["never said"]}
    checks = st.one_of(
        st.sampled_from([
            {"output": [{**words, "action": "mask"}]},
            # A pattern holds back so many characters, which may be half a word, and the laws count words.
            {"input": [{"injection": True, "action": "flag"}], "output": [{"patterns": ["zz{1,9}"], "action": "flag"}]},
        ]),
        to.map(lambda name: {"input": [{"patterns": ["word word"], "action": "route", "to": name}]}),
        to.map(lambda name: {"output": [{**words, "action": "route", "to": name}]}),
        to.map(lambda name: {"input": [{"judge": name, "action": "flag", "without_verdict": "pass", "wait": 0.5}]}),
    )  # fmt: skip
    return _node(st.fixed_dictionaries({"guard": to}), checks)


SECTIONS: Mapping[str, Callable[[Names], Section]] = {
    "switch": switch,
    "fallback": fallback,
    "hedge": hedge,
    "deadline": deadline,
    "cascade": cascade,
    "ensemble": ensemble,
    "split": split,
    "record": record,
    "shadow": shadow,
    "canary": canary,
    "brown-out": brown_out,
    "coalesce": coalesce,
    "cache": cache,
    "admission": admission,
    "batch": batch,
    "longform": longform,
    "transform": transform,
    "redact": redact,
    "guard": guard,
}


@st.composite
def graphs(draw: st.DrawFn, kind: str | None = None, most: int = 5) -> dict[str, Any]:
    """Draw a graph without cycles whose last node is the entry, of *kind* where one is given."""
    graph: dict[str, Any] = {}
    for at in range(draw(st.integers(1, most))):
        below = [*POOLS, *graph]
        # The newest name is the likeliest target, so that graphs become deep rather than wide.
        to = st.sampled_from([below[-1], *below])
        graph[f"n{at}"] = draw(st.sampled_from(sorted(SECTIONS)).flatmap(lambda name, to=to: SECTIONS[name](to)))
    if kind is not None:
        to = st.sampled_from([*POOLS, *graph])
        graph["entry"] = draw(SECTIONS[kind](to))
    return graph
