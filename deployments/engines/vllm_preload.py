"""Everything that an engine core imports, as one module that its process can import ahead of its work."""

from __future__ import annotations

import setproctitle
import vllm.v1.engine.core
from vllm.platforms import current_platform

import deployments.engines.vllm_executor  # noqa: F401

if current_platform.is_cpu():
    # The worker lives in the engine core there; vLLM imports it by name, later.
    import vllm.v1.worker.cpu_worker  # noqa: F401

# The library looks for the title's place in memory when it is first asked, and no longer finds it after the process
# has taken over another's environment. vLLM sets the title once it runs.
setproctitle.getproctitle()
