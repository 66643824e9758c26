"""What a declared cluster refuses beside what every cluster does, and the config that it is told by."""

from __future__ import annotations

from typing import Any

from cluster.declared.declaration import Declaration, planned
from cluster.declared.serve_config import serve_config
from cluster.plan import Plan
from tests.cluster.builders import document

GROUPS = {"cpu": {"cpu": 8, "memory": "32Gi", "most": 1}}
OPEN = {"access": {"open": True}}


def told(raw: dict[str, Any], **rest: Any) -> Declaration:
    return Declaration.model_validate({"document": raw, "groups": GROUPS, **rest})


def complaints(declaration: Declaration) -> list[str]:
    found = planned(declaration)
    assert isinstance(found, list)
    return [str(problem) for problem in found]


def test_a_gateway_that_only_its_own_machine_reaches_is_refused():
    """The default of a laptop would leave the service without an answer, on the operators' port as well."""
    assert complaints(told(document())) == [
        'gateway.host: "127.0.0.1" is reached from inside its own machine alone; say 0.0.0.0'
    ]
    raw = document(gateway={"host": "0.0.0.0", "admin": {"port": 8001}}, **OPEN)  # noqa: S104 - a value
    assert complaints(told(raw)) == [
        'gateway.admin.host: "127.0.0.1" is reached from inside its own machine alone; say 0.0.0.0'
    ]


def test_answers_that_outlast_what_leaving_machines_wait_for_are_refused():
    """Proxies and pods would cut them."""
    raw = document(gateway={"host": "0.0.0.0", "request_timeout": "10m"}, **OPEN)  # noqa: S104 - a value
    assert complaints(told(raw, longest_answer=300)) == [
        "gateway.request_timeout: 600 s is more than the 300 s that leaving machines wait for; "
        "raise longestAnswerSeconds, or lower it",
        "models.dense.drain: 900 s is more than the 300 s that leaving machines wait for; "
        "raise longestAnswerSeconds, or lower it",
    ]


def test_a_problem_of_the_document_is_told_alone():
    """What follows from it would only be noise."""
    raw = document(gateway={"host": "0.0.0.0", "replicas": 0}, **OPEN)  # noqa: S104 - a value
    assert complaints(told(raw)) == ["gateway.replicas: 0 is less than 1"]


def test_the_document_travels_whole_and_unchanged():
    """In what Serve hands to the running reconciler, so that a change restarts nothing by itself."""
    raw = document(gateway={"host": "0.0.0.0", "port": 9000}, **OPEN)  # noqa: S104 - a value
    config = serve_config(told(raw, cache="/cache"))
    (application,) = config["applications"]
    assert config["http_options"]["port"] == 9000
    assert "args" not in application
    (deployment,) = application["deployments"]
    assert deployment["user_config"]["document"] == raw
    again = Declaration.model_validate(deployment["user_config"])
    assert isinstance(planned(again), Plan)
    assert serve_config(again) == config
