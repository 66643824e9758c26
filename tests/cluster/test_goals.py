"""Goals of a document are about names that clients can ask for."""

from __future__ import annotations

from cluster.problems import Problem
from cluster.resolve import resolve
from tests.cluster.builders import LAPTOP, document, look, planned


def test_an_entry_that_nobody_can_ask_for_is_a_problem() -> None:
    """With its place and the nearest name."""
    goals = {"quick": {"share": "95%", "first_token": "2s", "entries": ["dense", "denes"]}}
    found = resolve(document(objectives={"goals": goals}), LAPTOP, look=look)
    assert isinstance(found, list)
    assert found == [Problem(path="objectives.goals.quick.entries[1]", message=found[0].message, value="denes")]
    assert "no model or graph node is named" in found[0].message
    assert "did you mean dense?" in found[0].message


def test_gateways_are_told_the_goals() -> None:
    """As the document has them."""
    goals = {"quick": {"share": "95%", "first_token": "2s", "entries": ["dense"]}}
    plan = planned(document(objectives={"goals": goals}))
    told = plan.gateway.settings["objectives"]["goals"]["quick"]
    assert (told["share"], told["first_token"], told["entries"]) == (0.95, 2.0, ["dense"])
