"""The drawing as text."""

from __future__ import annotations

from cluster.drawing.diagram import diagram
from cluster.drawing.tree import tree
from tests.cluster.builders import document, model
from tests.cluster.drawing.test_layout import config_of

GRAPH = {
    "auto": {"switch": [{"when": {"task": "code"}, "to": "careful"}, {"to": "small"}]},
    "careful": {"fallback": ["dense", "small"], "timeout": {"first_token": "5s"}},
    "spare": {"fallback": ["careful"]},
}


def test_ways_and_nodes_are_told_from_the_client_down() -> None:
    """What nothing leads to comes last, and a node's inside once."""
    models = {"dense": model(replicas={"min": 1, "max": 2}), "small": model(family="distilled")}
    lines = list(tree(diagram(config_of(document(models=models, graph=GRAPH)))))
    assert lines == [
        "no model named",
        "└─ auto (switch)",
        "   ├─ 1. task: code -> careful (fallback, first token 5 s)",
        "   │  ├─ 1. -> dense (dense pool, demo/dense, 1 to 2 replicas)",
        "   │  └─ 2. -> small (distilled pool, demo/dense, 1 replica)",
        "   └─ otherwise -> small (distilled pool)",
        "spare (fallback)",
        "└─ careful (see above)",
    ]
