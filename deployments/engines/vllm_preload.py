"""Everything that an engine core imports, as one module that its process can import ahead of its work."""

from __future__ import annotations

import vllm.v1.engine.core
from vllm.platforms import current_platform

import deployments.engines.vllm_executor  # noqa: F401

if current_platform.is_cpu():
    # The worker lives in the engine core there; vLLM imports it by name, later.
    import vllm.v1.worker.cpu_worker  # noqa: F401
