"""The environment that Ray Serve's processes read when they are imported, decided before any of them starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

LEAST_CEILING_S = 1800


def serving_environment(
    *, state_dir: Path, haproxy: str | None, max_connections: int, longest_s: float, ports: Mapping[str, int]
) -> dict[str, str]:
    """Return what every Ray process of this cluster must share.

    With HAProxy, whose command is *haproxy*, the client reaches a gateway without passing a Python proxy; without it
    Serve's own proxy answers, and asks gateways over gRPC in its own event loop. *longest_s* is how long
    a request may take: HAProxy cuts no connection before. *ports* names the free ports of the parts that would
    otherwise collide with a second cluster on the machine.
    """
    common = {
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
        "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
        # A body with images is larger than gRPC's 4 MiB.
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 2**20),
        "RAY_SERVE_LOG_TO_STDERR": "0",
        "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
        # An engine's helper processes must not outlive a replica that was killed.
        "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper": "true",
        # Serve's watch over replicas and its metrics take cores from engines at their defaults of ten a second.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
        # So do Ray's own: the defaults look ten times a second at what changes when a replica comes or goes, and tell
        # the head of every call.
        "RAY_raylet_report_resources_period_milliseconds": "1000",
        "RAY_raylet_check_gc_period_milliseconds": "1000",
        "RAY_object_manager_timer_freq_ms": "1000",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_event_stats": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
    }
    if haproxy is None:
        return common
    proxy_dir = state_dir / "haproxy"
    ceiling_s = str(max(LEAST_CEILING_S, math.ceil(longest_s)))
    return common | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": haproxy,
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # How long a leaving gateway or pool root waits for proxies that have not heard of it; reloads take under 1 s.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": ceiling_s,
        "RAY_SERVE_HAPROXY_MAXCONN": str(max_connections),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(proxy_dir / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(proxy_dir / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(proxy_dir),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(proxy_dir / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(proxy_dir / "metrics.sock"),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": ceiling_s,
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": ceiling_s,
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports["fallback_http"]),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports["fallback_grpc"]),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports["haproxy_stats"]),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports["haproxy_metrics"]),
    }
