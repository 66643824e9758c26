"""The import table of ARCHITECTURE.md, executable: an AST walk over every import, those inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"ray", "vllm", "torch", "transformers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module; ``lazy`` when the import stands in a function."""

    module: str
    lazy: bool = False

    @property
    def top(self) -> str:
        return self.module.split(".")[0]


def imports(source: str, package: str) -> Iterator[Import]:
    """Yield every module that *source* imports; *package* resolves relative imports."""
    yield from _imports(ast.parse(source), package, lazy=False)


def _imports(node: ast.AST, package: str, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.Import):
            yield from (Import(module=name.name, lazy=lazy) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _base(child, package)
            yield from (Import(module=f"{base}.{name.name}", lazy=lazy) for name in child.names)
        elif isinstance(child, ast.Call) and (named := _dynamic(child)):
            yield Import(module=named, lazy=lazy)
        yield from _imports(child, package, lazy=inside)


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _dynamic(call: ast.Call) -> str | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    literal = call.args[0] if call.args else None
    if name in {"import_module", "__import__"} and isinstance(literal, ast.Constant) and isinstance(literal.value, str):
        return literal.value
    return None


def banned(where: str, used: Import) -> bool:
    """Say whether the file *where* may not import *used*."""
    package = where.partition("/")[0]
    if package == "deployments":
        return _banned_in_deployments(where, used)
    if package == "autoscale":
        return _banned_in_autoscale(where, used)
    with_ray = where.startswith(("cluster/applications/", "cluster/lifecycle/"))
    return used.top == "vllm" or (used.top == "ray" and not with_ray)


def _banned_in_deployments(where: str, used: Import) -> bool:
    if used.top in {"autoscale", "cluster"}:
        return True
    if where.startswith("deployments/pool/"):
        return used.top == "vllm" and not used.lazy
    if where.startswith("deployments/engines/vllm"):
        return used.top == "ray"
    if where.startswith("deployments/engines/checkpoints/"):
        return used.top in {"ray", "vllm"}
    return used.top in HEAVY


def _banned_in_autoscale(where: str, used: Import) -> bool:
    if used.top == "cluster":
        return True
    if used.module.startswith("autoscale.sim") and not where.startswith(("autoscale/sim/", "autoscale/backtest/")):
        return True  # it compiles code, which no control loop should wait for
    if where.startswith("autoscale/controller/"):
        return False
    if used.top == "deployments":
        # Units of the config are a leaf beside the contract files.
        leaves = {"request", "signals", "totals", "quantities", "strict", "hours", "scheduling"}
        return used.module.split(".")[1:2] not in [[leaf] for leaf in leaves]
    compiled = used.top == "numba" and not where.startswith("autoscale/sim/kernel/")
    return compiled or used.top in {"ray", "vllm", "torch"}


def violations(root: Path = ROOT) -> list[str]:
    """Return every import under *root* that breaks the table."""
    return [
        f"{where} imports {used.module}"
        for package in ("deployments", "autoscale", "cluster")
        for path in sorted((root / package).rglob("*.py"))
        for where in [path.relative_to(root).as_posix()]
        for used in imports(path.read_text(encoding="utf-8"), ".".join(path.relative_to(root).parent.parts))
        if banned(where, used)
    ]


def test_no_file_imports_what_its_layer_may_not():
    """The packages depend on each other, and on heavy libraries, in one direction only."""
    assert violations() == []


def test_every_package_is_there():
    """A renamed folder must not empty the check."""
    assert all(len(list((ROOT / package).rglob("*.py"))) > 5 for package in ("deployments", "autoscale", "cluster"))


PLANTED = [
    ("deployments/graph/node.py", "import ray"),
    ("deployments/graph/node.py", "from ray import serve"),
    ("deployments/gateway/app.py", "def f():\n    import torch"),
    ("deployments/gateway/app.py", "async def f():\n    from transformers import AutoTokenizer"),
    ("deployments/nodes/switch/kind.py", "from cluster.plan import Plan"),
    ("deployments/nodes/switch/kind.py", "from ....autoscale import fleet"),
    ("deployments/engines/synthetic.py", "import vllm.sampling_params"),
    ("deployments/engines/vllm.py", "import ray"),
    ("deployments/engines/vllm.py", "import autoscale.fleet"),
    ("deployments/engines/checkpoints/dense.py", "import ray"),
    ("deployments/pool/replica.py", "from vllm import LLM"),
    ("deployments/pool/replica.py", "class A:\n    import vllm"),
    ("deployments/pool/replica.py", "def f():\n    import cluster.plan"),
    ("autoscale/fleet.py", "from deployments.graph import spec"),
    ("autoscale/fleet.py", "from deployments import errors"),
    ("autoscale/policies/queue.py", "def f():\n    import ray"),
    ("autoscale/controller/loop.py", "from cluster import plan"),
    ("autoscale/controller/loop.py", "from autoscale.sim.world import simulate"),
    ("autoscale/controller/knee_process.py", "def f():\n    from autoscale.sim.knee import SIMULATED"),
    ("autoscale/sim/world.py", "from numba import njit"),
    ("cluster/resolve.py", "def f():\n    import ray"),
    ("cluster/resolve.py", "from importlib import import_module\nx = import_module('ray.serve')"),
    ("cluster/applications/pools.py", "import vllm"),
    ("cluster/commands/serve.py", "try:\n    import ray\nexcept ImportError:\n    pass"),
]

LEGAL = [
    (
        "deployments/pool/replica.py",
        "import ray\ndef f():\n    from deployments.engines.vllm import VllmEngine\n    import vllm",
    ),
    ("deployments/engines/vllm.py", "import vllm, torch, transformers"),
    ("deployments/engines/checkpoints/dense.py", "import torch\nfrom transformers import AutoModel"),
    ("autoscale/fleet.py", "from deployments.signals import ReplicaSignals\nfrom deployments import request"),
    ("autoscale/controller/loop.py", "import ray"),
    ("cluster/applications/pools.py", "from ray import serve\nfrom autoscale.fleet import Fleet"),
    ("cluster/resolve.py", "from deployments.graph.spec import cycles"),
]


@pytest.mark.parametrize(("where", "source"), PLANTED)
def test_catches_a_planted_violation(tmp_path, where, source):
    """Each rule of the table is seen to fail, wherever in a file the import stands."""
    _plant(tmp_path, where, source)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(("where", "source"), LEGAL)
def test_passes_a_legal_import(tmp_path, where, source):
    """What the table allows is not reported."""
    _plant(tmp_path, where, source)
    assert violations(tmp_path) == []


def _plant(root: Path, where: str, source: str) -> None:
    path = root / where
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
