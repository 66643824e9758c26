"""What a document's check says of tenants that stay local: which names could only refuse them, and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cluster.checks.residency import Residency
from cluster.cli import app
from deployments.graph.spec import parse_graph
from tests.cluster.builders import complaints, document, model, planned

CLOUD = {"family": "remote", "url": "https://api.example.com/v1", "model": "m"}
GRAPH = {
    "auto": {"fallback": ["cloud", "dense"]},
    "away": {"fallback": ["cloud", "other"]},
    "dealt": {"split": {"dense": 1, "cloud": 1}},
}


def staying(graph: dict[str, Any] | None = None, models: dict[str, Any] | None = None, **tenant: Any) -> dict[str, Any]:
    return document(
        models=models or {"dense": model(), "cloud": CLOUD, "other": CLOUD},
        graph=GRAPH if graph is None else graph,
        default="auto" if graph is None else "cloud",
        gateway={"remote_hosts": ["api.example.com"]},
        access={"store": {"sqlite": "/var/lib/tercet/accounts.sqlite"}},
        tenants={"bank": {"stay_local": True, **tenant}},
    )


def test_a_name_with_only_remote_answers_is_not_to_be_allowed() -> None:
    """Told at its place; one that has a local answer is fine."""
    away = "is answered by models of other servers alone, and bank stays local; take it off, or allow a fallback"
    assert complaints(staying(allow=["auto", "away", "cloud", "dense"])) == [
        f'tenants.bank.allow[1]: "away" {away} instead that has "away" and a model of this cluster',
        f'tenants.bank.allow[2]: "cloud" {away} instead that has "cloud" and a model of this cluster',
    ]
    assert planned(staying(allow=["auto", "dense"])).notes == ()


def test_where_everything_is_allowed_notes_say_what_is_refused() -> None:
    """All of what some names are asked, and a part of what others are."""
    found = [note for note in planned(staying()).notes if note.startswith("tenants.")]
    assert found == [
        "tenants.bank stays local, so cloud, other, away refuse it everything; say in allow what it may ask for",
        "tenants.bank stays local, so dealt refuses what would go to other servers; put a fallback with a local model "
        "where that is not wanted",
    ]


def test_a_deployment_of_remote_models_alone_has_nothing_for_it() -> None:
    """Whatever it asks for would be refused."""
    assert complaints(staying(graph={}, models={"cloud": CLOUD})) == [
        "tenants.bank.stay_local: stays local, and there are only models of other servers; add a model of this cluster"
    ]


def test_others_are_told_nothing() -> None:
    """Only tenants that stay local are affected."""
    plan = planned(staying(stay_local=False))
    assert not any("stays local" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("node", "away", "sure"),
    [
        ({"fallback": ["far", "near"]}, False, True),
        ({"hedge": ["near", "far"]}, False, True),
        ({"ensemble": ["near", "far"], "choose": "vote"}, False, True),
        ({"ensemble": ["far", "near"], "choose": "vote"}, False, False),
        ({"cascade": [{"to": "far", "accept": {"min_tokens": 1}}, {"to": "near"}]}, False, True),
        ({"cascade": [{"to": "near", "accept": {"min_tokens": 1}}, {"to": "far"}]}, False, False),
        ({"shadow": "near", "to": "far"}, False, True),
        ({"shadow": "far", "to": "near"}, True, False),
        ({"canary": "near", "to": "far"}, False, False),
        ({"brown-out": "near", "to": ["far"]}, False, True),
        ({"guard": "near", "input": [{"judge": "far", "action": "flag"}]}, True, False),
        ({"guard": "near", "input": [{"judge": "far", "without_verdict": "pass"}]}, False, True),
        ({"guard": "near", "output": [{"judge": "far"}]}, False, False),
        ({"guard": "near", "output": [{"judge": "near"}]}, False, True),
        ({"fallback": ["far", "far2"]}, True, False),
        ({"admission": "far"}, True, False),
    ],
)
def test_each_kind_by_who_answers_in_the_end(node: dict[str, Any], away: bool, sure: bool) -> None:
    """Away: it refuses everything. Sure: it refuses nothing on this account."""
    residency = Residency(parse_graph({"entry": node}), {"far", "far2"})
    assert (residency.away("entry"), residency.sure("entry")) == (away, sure)


def test_a_judge_elsewhere_that_may_be_passed_is_told() -> None:
    """Or a tenant's texts would go unjudged for ever, and nobody would know."""
    guard = {"guard": "dense", "input": [{"judge": "cloud", "without_verdict": "pass"}]}
    notes = planned(staying(graph={"checked": guard}, allow=["checked"])).notes
    told = "bank stays local, so checked is answered unjudged where cloud is another server's"
    assert any(told in note for note in notes)


def test_tenants_meet_at_a_server_that_is_told_no_salt() -> None:
    """Of those whose requests may leave, where there are several that share nothing."""
    raw = staying(allow=["dense"])
    told = "models.cloud: tenants share what its server remembers of prompts"
    assert not any(told in note for note in planned(raw).notes)
    raw["tenants"] |= {"shop": {}, "lab": {}}
    assert any(told in note for note in planned(raw).notes)
    raw["models"]["cloud"] = {**CLOUD, "salt": True}
    assert not any(told in note for note in planned(raw).notes)


def test_a_group_of_one_shares_with_nobody() -> None:
    """Two that are spelt differently are most often meant to be one."""
    raw = staying(allow=["dense"], prefix_group="lab")
    note = "tenants.bank.prefix_group is no other tenant's, so bank shares its prefix cache with nobody"
    assert note in planned(raw).notes
    raw["tenants"]["shop"] = {"prefix_group": "lab"}
    assert note not in planned(raw).notes


def test_explain_says_who_would_refuse_the_tenant(tmp_path: Path) -> None:
    """For one that stays local, beside every model of another server."""
    file = tmp_path / "tercet.yaml"
    file.write_text(yaml.safe_dump(staying(allow=["auto", "dense"])))
    for tenant, told in (("bank", True), ("shop", False)):
        shown = CliRunner().invoke(app, ["explain", str(file), "--prompt", "hello", "--tenant", tenant])
        assert shown.exit_code == 0
        assert ("refuses bank, which stays local" in shown.output) is told


def test_a_remote_model_of_vectors_refuses_nobody() -> None:
    """A question that may not be compared is answered."""
    graph = {"known": {"cache": "dense", "semantic": {"model": "cloud", "at_least": 0.9}}}
    assert Residency(parse_graph(graph), {"cloud"}).sure("known")
