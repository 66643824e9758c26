"""ray.serve.llm, at its defaults and at its best HAProxy settings, around a real engine or one that only keeps time."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.contenders.engine import RealEngine
from benchmarks.contenders.server import Launch, free_port
from cluster.local_environment import credentials
from deployments.engines.synthetic_spec import SyntheticSpec

Settings = Literal["defaults", "best"]

BEST = {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}
UNBATCHED = {"stream_batching_interval_ms": 0}

# Two Ray clusters stand side by side on this machine; by default they would reach for the same ports and files.
_PORT_RANGE = {"defaults": 32_000, "best": 34_000}


def real(engine: RealEngine, settings: Settings, port: int, directory: Path) -> Launch:
    """Return how ray.serve.llm is started around *engine*."""
    config = _config(settings) | {
        "model_loading_config": {"model_id": "dense", "model_source": engine.checkpoint},
        "engine_kwargs": dict(engine.arguments),
        "runtime_env": {"env_vars": dict(engine.environment)},
    }
    return _launch(settings, config, {}, port, directory)


def synthetic(spec: SyntheticSpec, settings: Settings, port: int, directory: Path) -> Launch:
    """Return how ray.serve.llm is started around an engine with the pace of *spec*."""
    variables = {
        "RAYLLM_VLLM_ENGINE_CLS": "benchmarks.contenders.ray_llm_engine.PacedEngine",
        "TERCET_BENCHMARK_SPEC": spec.model_dump_json(),
    }
    config = _config(settings) | {"model_loading_config": {"model_id": "dense", "model_source": "dense"}}
    return _launch(settings, config, variables, port, directory)


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "accelerator_config": {"kind": "cpu"},
        "placement_group_config": {"bundles": [{"CPU": 1}]},
        "deployment_config": {"autoscaling_config": {"min_replicas": 1, "max_replicas": 1}},
        "experimental_configs": dict(UNBATCHED) if settings == "best" else {},
    }


def _launch(
    settings: Settings, config: Mapping[str, Any], variables: Mapping[str, str], port: int, directory: Path
) -> Launch:
    state = directory / f"r{port}"  # short: Serve makes paths of sockets under it, whose length is limited
    state.mkdir()
    file = state / "llm.json"
    file.write_bytes(msgspec.json.encode({"port": port, "config": config}))
    return Launch(
        name=f"ray.serve.llm {settings}",
        command=[sys.executable, "-m", "benchmarks.contenders.ray_llm_app", str(file)],
        port=port,
        model="dense",
        environment={
            "RAY_USAGE_STATS_ENABLED": "0",
            **credentials(state, fresh=True),
            **_own_ports(settings, state),
            **(BEST if settings == "best" else {}),
            **variables,
        },
        interrupt=signal.SIGTERM,
    )


def _own_ports(settings: Settings, state: Path) -> dict[str, str]:
    first = _PORT_RANGE[settings]
    return {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + 900),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(first + 1_000),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(first + 1_900),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(state / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(state / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(state),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(state / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(state / "metrics.sock"),
    }
