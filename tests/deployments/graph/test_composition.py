"""What names of a graph give, and needs that are not met."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.capability import Capabilities, Need
from deployments.graph.composition import Composition
from deployments.graph.kind import KindSpec
from deployments.graph.spec import parse_graph
from deployments.strict import Loc

FULL: Capabilities = frozenset({"chat", "text", "logprobs", "images"})
MODELS: Mapping[str, Capabilities] = {"big": FULL, "small": frozenset({"chat", "text"}), "vec": frozenset({"vectors"})}


class Picky(KindSpec):
    """A node that needs log-probabilities of all its targets, and gives its first one's answers as text alone."""

    to: tuple[str, ...]
    plain: bool = False

    def targets(self) -> list[tuple[Loc, str]]:
        return [(("to", at), name) for at, name in enumerate(self.to)]

    def answering(self) -> list[str]:
        return [self.to[0]]

    def needs(self) -> list[Need]:
        return [Need(name, "logprobs", ("to", at)) for at, name in enumerate(self.to)]

    def gives(self, given):
        return super().gives(given) - ({"logprobs"} if self.plain else set())


def composed(**graph: KindSpec) -> Composition:
    return Composition(MODELS, graph)


def fallback(*names: str) -> KindSpec:
    return parse_graph({"x": {"fallback": list(names)}})["x"]


def test_a_node_gives_what_all_who_answer_give() -> None:
    """Through any number of nodes, and an adapter what its model does; helpers do not count."""
    known = composed(a=fallback("big", "small"), b=fallback("a", "big"), c=Picky(to=("big:lora", "vec")))
    assert known.gives("b") == {"chat", "text"}
    assert known.gives("c") == FULL
    assert known.gives("nobody") == frozenset()


def test_a_shortfall_leads_to_its_cause() -> None:
    """From the target, through nodes, to the model, or to the kind that takes it away."""
    known = composed(
        top=Picky(to=("big", "mid")), mid=fallback("big", "low"), low=fallback("small"),
        proud=Picky(to=("plain",)), plain=Picky(to=("big",), plain=True),
    )  # fmt: skip
    assert {(one.node, one.need.because, one.way) for one in known.shortfalls()} == {
        ("top", ("to", 1), ("mid", "low", "small")),
        ("proud", ("to", 0), ("plain",)),
    }


def test_what_is_not_there_is_nobodys_shortfall() -> None:
    """Unknown names and cycles are told by other checks, and only there."""
    known = composed(a=Picky(to=("gone",)), b=fallback("c"), c=fallback("b", "small"), d=Picky(to=("b",)))
    assert list(known.shortfalls()) == []


def test_wide_graphs_are_worked_out_once() -> None:
    """Paths that part and meet again at every step double nothing."""
    layers = {f"n{at}": Picky(to=(f"n{at + 1}", f"n{at + 1}")) for at in range(200)}
    known = Composition(MODELS, {**layers, "n200": fallback("big")})
    assert known.gives("n0") == FULL
    assert list(known.shortfalls()) == []


@given(st.lists(st.sampled_from(["big", "small", "vec"]), min_size=1, unique=True))
def test_no_node_gives_more_than_the_least_of_its_targets(names: list[str]) -> None:
    """Nor less than all of them have in common."""
    assert composed(a=fallback(*names)).gives("a") == frozenset.intersection(*(MODELS[name] for name in names))
