"""switch: the first case whose conditions all hold."""

from __future__ import annotations

import pytest

from tests.deployments.leap import leap
from tests.deployments.scripted import Scripted, chat, collect, compiled, context

CASES = [
    {"when": {"task": "code", "tenant": "acme"}, "to": "moe"},
    {"when": {"task": "code"}, "to": "dense"},
    {"to": "distilled"},
]
CODE = "Write a Python function that merges two sorted lists"


@pytest.mark.parametrize(
    ("prompt", "tenant", "to"),
    [(CODE, "acme", "moe"), (CODE, "other", "dense"), ("hi there", "acme", "distilled")],
)
def test_the_first_case_that_holds_answers(prompt: str, tenant: str, to: str) -> None:
    """Every condition of a case must hold; order decides between cases; the default takes the rest."""
    transport = Scripted({"dense": [b"x"], "moe": [b"x"], "distilled": [b"x"]})
    node = compiled({"s": {"switch": CASES}}, transport)["s"]
    frames = leap(collect(node, chat(prompt), context(tenant=tenant)))
    assert frames[0].head is not None
    assert frames[0].head.path == ("s", to)
    assert transport.log == [f"open {to}", f"close {to}"]
