"""One plain uvicorn process around the synthetic engine: the floor that every framework stands on."""

from __future__ import annotations

from benchmarks.contenders.places import product_python
from benchmarks.contenders.server import Launch
from deployments.engines.synthetic_spec import SyntheticSpec


def launch(spec: SyntheticSpec, port: int) -> Launch:
    """Return how the plain server is started."""
    command = [product_python(), "-m", "benchmarks.plain_uvicorn", str(port), spec.model_dump_json()]
    return Launch(name="plain uvicorn", command=command, port=port, model="dense")
