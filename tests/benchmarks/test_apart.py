"""The benchmarks look at the product from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_layers import imports

ROOT = Path(__file__).parents[2]
PRODUCT = ("cluster", "deployments", "autoscale")


@pytest.mark.parametrize("package", PRODUCT)
def test_the_product_does_not_know_the_benchmarks(package: str) -> None:
    """What is installed must run without them."""
    for file in (ROOT / package).rglob("*.py"):
        assert not [one for one in imports(file.read_text(), package) if one.top == "benchmarks"], file


def test_only_the_peers_own_files_import_them() -> None:
    """Everything else runs in the product's environment; the plotter is imported where it plots."""
    for file in (ROOT / "benchmarks").rglob("*.py"):
        if not file.name.startswith("ray_llm_"):
            found = {one.top for one in imports(file.read_text(), "benchmarks") if not one.lazy}
            assert not found & {"ray", "vllm", "torch", "matplotlib"}, file
