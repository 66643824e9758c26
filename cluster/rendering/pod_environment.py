"""The environment of every container with a Ray process in it, where each machine has its ports for itself."""

from __future__ import annotations

from pathlib import Path

from cluster.environment import serving_environment

STATE = Path("/run/tercet")
HAPROXY = "/opt/tercet/haproxy-without-splicing"
CACHE = Path("/cache")
MAX_CONNECTIONS = 20_000
CONNECTIONS = "RAY_SERVE_HAPROXY_MAXCONN"

# Serve's own defaults, written down because the chart's services and policies name them.
PORTS = {"fallback_http": 8500, "fallback_grpc": 9500, "haproxy_stats": 8404, "haproxy_metrics": 9101}


def pod_environment(longest_answer_s: float) -> dict[str, str]:
    """Return the variables of a cluster whose longest answers take *longest_answer_s* seconds."""
    return {
        **serving_environment(
            state_dir=STATE,
            haproxy=HAPROXY,
            max_connections=MAX_CONNECTIONS,
            longest_s=longest_answer_s,
            ports=PORTS,
        ),
        "HOME": "/tmp",  # noqa: S108 - a directory of the container's own, the only one that is there for everybody
        "TERCET_CACHE": str(CACHE / "tercet"),
        "HF_HOME": str(CACHE / "huggingface"),
        "VLLM_CACHE_ROOT": str(CACHE / "vllm"),
        "TRITON_CACHE_DIR": str(CACHE / "triton"),
        "NUMBA_CACHE_DIR": str(CACHE / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(CACHE / "inductor"),
        "XDG_CACHE_HOME": str(CACHE / "xdg"),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }


def longest_dependent() -> frozenset[str]:
    """Return the variables whose value is how long the longest answer may take."""
    short, long = pod_environment(2000), pod_environment(3000)
    return frozenset(name for name in short if short[name] != long[name])
