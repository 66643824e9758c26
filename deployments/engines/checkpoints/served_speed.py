"""How fast checkpoints are as vLLM serves them: measured in a process of its own, since nothing here imports vLLM."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

DEADLINE_S = 900.0
MODULE = "deployments.engines.vllm_speed"


def measured(checkpoints: Mapping[str, str]) -> dict[str, Any] | str:
    """Return answer and tokens a second of checkpoints by name, or why there are none."""
    command = [sys.executable, "-m", MODULE, *(f"{name}={path}" for name, path in checkpoints.items())]
    quiet = {**os.environ, "VLLM_LOGGING_LEVEL": "ERROR"}
    try:
        done = subprocess.run(
            command, env=quiet, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not measured: no result within {DEADLINE_S:.0f} s"
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return f"not measured: {said[-1] if said else f'the engines ended with code {done.returncode}'}"
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
