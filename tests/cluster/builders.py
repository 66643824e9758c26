"""Documents and machines with defaults, so that a test says only what matters."""

from __future__ import annotations

from typing import Any

from cluster.plan import Machine, Plan
from cluster.problems import Problem
from cluster.resolve import resolve

GIB = 2**30
LAPTOP = (Machine(cpus=2, gpus=0, memory=24 * GIB),)


def look(folder: str) -> str | None:
    """Know one folder that holds a model."""
    return None if folder == "/models/here" else "is not there"


def machine(cpus: int = 96, gpus: int = 8, memory: int = 1024 * GIB) -> Machine:
    """Return a machine of a GPU cluster."""
    return Machine(cpus=cpus, gpus=gpus, memory=memory)


def model(**fields: Any) -> dict[str, Any]:
    """Return a model's section."""
    return {"family": "dense", "source": "demo/dense", **fields}


def document(
    *, graph: dict[str, Any] | None = None, models: dict[str, Any] | None = None, **rest: Any
) -> dict[str, Any]:
    """Return a document with one model unless others are given."""
    return {"models": models or {"dense": model()}, **({"graph": graph} if graph else {}), **rest}


def planned(raw: dict[str, Any], nodes: tuple[Machine, ...] = LAPTOP) -> Plan:
    """Resolve a document that has no problems."""
    plan = resolve(raw, nodes, look=look)
    assert isinstance(plan, Plan), [str(problem) for problem in plan]
    return plan


def complaints(raw: dict[str, Any], nodes: tuple[Machine, ...] = LAPTOP) -> list[str]:
    """Resolve a document and return its problems as printed."""
    found = resolve(raw, nodes, look=look)
    assert isinstance(found, list)
    assert all(isinstance(problem, Problem) for problem in found)
    return [str(problem) for problem in found]
