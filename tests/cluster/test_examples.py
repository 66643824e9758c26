"""The examples are sound, and `tercet check` prints for each what stands beside it in golden/."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.plan import Machine, Plan
from cluster.report import report
from cluster.resolve import resolve_file
from tests.cluster.builders import LAPTOP, machine

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PRELOAD = ("/lib/libiomp5.so", "/lib/libtcmalloc_minimal.so.4")
MACHINES: dict[str, tuple[Machine, ...]] = {"gpu-cluster": (machine(),) * 4}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_check_prints_the_plan(path):
    """The whole output of `tercet check`; `python -m tests.cluster.golden.write` takes a new one."""
    assert printed(path) == (GOLDEN / f"{path.stem}.txt").read_text(encoding="utf-8")


def test_every_golden_output_has_its_example():
    """A removed example leaves nothing behind."""
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {path.stem for path in EXAMPLES}


def printed(path: Path) -> str:
    """Return what `tercet check` prints for an example."""
    nodes = MACHINES.get(path.stem, LAPTOP)
    plan = resolve_file(path, nodes)
    assert isinstance(plan, Plan), [str(problem) for problem in plan]
    return "".join(f"{line.text}\n" for line in report(plan, nodes, f"examples/{path.name}", PRELOAD))


def test_the_default_example_needs_no_hub():
    """`make serve` runs three pools of real engines from checkpoints built on the machine."""
    plan = resolve_file(ROOT / "examples" / "laptop.yaml", LAPTOP)
    assert isinstance(plan, Plan)
    assert [(pool.family, pool.source, pool.runtime) for pool in plan.pools] == [
        (family, f"demo/{family}", "vllm") for family in ("dense", "moe", "distilled")
    ]
    assert plan.gateway.settings["default"] == "auto"
