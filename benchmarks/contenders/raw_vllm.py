"""vLLM's own OpenAI server, with nothing around it."""

from __future__ import annotations

import signal

from benchmarks.contenders.engine import RealEngine
from benchmarks.contenders.places import product_python
from benchmarks.contenders.server import Launch
from deployments.engines.engine_arguments import as_flags


def launch(engine: RealEngine, port: int) -> Launch:
    """Return how the server is started."""
    # The console script asks for the metadata of a package that the CPU build does not have; the module is the same.
    command = [product_python(), "-m", "vllm.entrypoints.openai.api_server"]
    where = [f"--model={engine.checkpoint}", "--served-model-name=dense", "--host=127.0.0.1", f"--port={port}"]
    return Launch(
        name="raw vllm",
        command=[*command, *where, *as_flags(engine.arguments)],
        port=port,
        model="dense",
        environment=engine.environment,
        interrupt=signal.SIGTERM,
    )
