"""The gateway's application, and how Serve is to run it."""

from __future__ import annotations

from ray import serve

from cluster.applications.gateway_replica import GatewayReplica
from cluster.applications.names import GATEWAY_APP
from cluster.applications.serve_options import QUIET, versioned
from cluster.plan import GatewayPlan
from cluster.run_state import state_dir


def gateway_target(gateway: GatewayPlan) -> serve.RunTarget:
    """Return the gateway's application with its name and route; deployed again it only takes the new settings."""
    return serve.RunTarget(target=_gateway_app(gateway), name=GATEWAY_APP, route_prefix="/")


def _gateway_app(gateway: GatewayPlan) -> serve.Application:
    """Return the gateway's application."""
    replica = serve.deployment(serve.ingress()(GatewayReplica)).options(
        name="Gateway",
        num_replicas=gateway.replicas,
        max_ongoing_requests=10_000,
        user_config=dict(gateway.settings),
        graceful_shutdown_timeout_s=float(gateway.settings["request_timeout"]),
        health_check_period_s=5,
        health_check_timeout_s=5,
        ray_actor_options={"num_cpus": 0, "resources": dict(gateway.resources)},
        logging_config=QUIET,
    )
    return versioned(replica).bind(str(state_dir(gateway.port)))
