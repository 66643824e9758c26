"""From a plan to Ray Serve applications: one for the gateway, one for each pool.

An engine's arguments hold only what it must restart for, and everything else travels in ``user_config``. A deployment's
version is made of its arguments: Serve, which by itself would give each deployment of an application another version
and restart all its replicas, then hands a new ``user_config`` to those that run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoscale.controller.serve_settings import autoscaling_config
from cluster.plan import GatewayPlan, Plan, PoolPlan
from cluster.run_state import BOOK, state_dir
from deployments.collection import collect_seldom
from deployments.cost.settings import CostSettings
from deployments.engines.cpu_settings import replica_environment
from deployments.gateway.admin_server import AdminServer
from deployments.gateway.app import build_admin_app, build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.watching import page_feed
from deployments.page.feed import Feed
from deployments.pool import accounting
from deployments.pool.adapter_orders import AdapterOrders
from deployments.pool.failover import Failover
from deployments.pool.forgetting_orders import ForgettingOrders
from deployments.pool.heartbeat import Heartbeat
from deployments.pool.last_view import LastView
from deployments.pool.links import Links
from deployments.pool.overseeing import Overseeing
from deployments.pool.replica import EngineReplica
from deployments.pool.scaling_orders import ScalingOrders
from deployments.pool.scraped import ScrapePoint
from deployments.pool.scraping import Scraping
from deployments.pool.transport import ENGINE_DEPLOYMENT, PoolTransport, application_of
from deployments.signals import FleetView, GatewayPlace
from deployments.switching import switch_often
from deployments.telemetry.logs import configure
from deployments.telemetry.traces import from_environment

NAMESPACE = "tercet"
CONTROLLER = ("tercet-fleet", NAMESPACE)
GATEWAY_APP = "gateway"
QUIET = LoggingConfig(enable_access_log=False)


class Front:
    """The ASGI application that Serve holds; the real one is put behind it once the settings are there."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass requests on; there is nothing to do for lifespan events."""
        if scope["type"] != "lifespan":
            assert self.app is not None  # noqa: S101 - Serve routes no request here before reconfigure has returned
            await self.app(scope, receive, _without_request_id(send))
            return
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})


def _without_request_id(send: Send) -> Send:
    """Leave the request id's header to Serve, which adds one to every response whether there is one or not."""

    async def filtered(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name.lower() != b"x-request-id"]
            message = {**message, "headers": headers}
        await send(message)

    return filtered


class GatewayReplica:
    """Serve the HTTP surface from a process that holds the graph and no engine.

    Serve asks for the application before it hands over the settings, hence the Front.
    """

    async def __init__(self, state_dir: str) -> None:  # type: ignore[misc]  # Serve awaits it
        configure(sys.__stderr__ or sys.stderr)  # Serve puts a buffer of a thousand lines in place of sys.stderr
        collect_seldom()
        switch_often()
        self._name = serve.get_replica_context().replica_id.unique_id
        self._state_dir = Path(state_dir)
        self._view, self._links = LastView(), Links()
        self._loop = asyncio.get_running_loop()
        self._gateway: Gateway | None = None
        self._operators: AdminServer | None = None
        self._feed: Feed | None = None
        self._front = Front()
        self._heartbeat: Heartbeat | None = None
        self._scraped: ScrapePoint | None = None
        self._telling: Heartbeat | None = None

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._front

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take graph and limits; running requests keep theirs."""
        settings = GatewaySettings.model_validate(user_config)
        if self._gateway is not None and self._operators is not None:
            self._gateway.reconfigure(settings)
            if settings.draining and self._feed is not None:
                self._feed.end()  # or whoever watches would hold up the end
            await self._operators.follow(settings.admin)
            return
        transport = PoolTransport(self._view.fresh, self._links)
        gateway = Gateway(
            settings,
            transport,
            name=self._name,
            fleet=self._view.latest,
            heard=lambda: self._view.fresh() is not None,
            traces=from_environment(),
            records=self._state_dir / "records",
            answers=self._state_dir / "answers",
            audit=self._state_dir / "audit",
        )
        transport.failover = Failover(allowed=gateway.fails_over, count=gateway.metrics.failover)
        await self._open_to_scrapes(gateway)
        gateway.traces.kept = self._links.keep
        self._feed = feed = page_feed(gateway, Overseeing(CONTROLLER))
        orders = (
            AdapterOrders(CONTROLLER),
            ScalingOrders(CONTROLLER),
            ForgettingOrders(CONTROLLER),
            feed,
        )
        self._gateway, self._front.app = gateway, build_app(gateway, *orders, keys=True)
        self._operators = AdminServer(build_admin_app(gateway, *orders), leave=feed.end)
        await self._operators.follow(settings.admin)
        self._heartbeat = Heartbeat(
            CONTROLLER, "report_gateway", lambda: gateway.signals(time.time()), on_answer=self._take
        )
        self._telling = Heartbeat(
            CONTROLLER,
            accounting.METHOD,
            gateway.spending.statement,
            interval_s=accounting.TELL_S,
            on_answer=gateway.spending.acknowledged,
        )

    async def _open_to_scrapes(self, gateway: Gateway) -> None:
        """Let the other gateways fetch this one's series, and let this one fetch theirs."""
        self._scraped = ScrapePoint(gateway.exposition.own)
        await self._scraped.start(ray.util.get_node_ip_address())
        gateway.exposition.place = GatewayPlace(
            gateway=self._name, address=self._scraped.address, key=self._scraped.key
        )
        gateway.exposition.gather = Scraping(self._name, self._view.latest)
        gateway.exposition.siblings = Scraping(self._name, self._view.latest, gateways=True)

    def _take(self, view: FleetView) -> None:
        """Keep the controller's word; called on the heartbeat's thread."""
        self._view.take(view)
        self._loop.call_soon_threadsafe(self._links.follow, view)
        if view.forgettings and self._gateway is not None:
            self._loop.call_soon_threadsafe(self._gateway.forgetter.follow, view.forgettings)

    async def __del__(self) -> None:
        if self._heartbeat is not None:
            await asyncio.to_thread(self._heartbeat.close)
        await self._links.close()
        if self._scraped is not None:
            await self._scraped.close()
        if self._operators is not None:
            await self._operators.close()
        if self._gateway is not None:
            await self._gateway.close()
            await asyncio.to_thread(self._gateway.traces.close)
        if self._telling is not None:
            await asyncio.to_thread(self._telling.close, last=True)


# Nobody ever asks the root anything, so its one replica is never started: a process less for each pool.
NEVER = {"min_replicas": 0, "initial_replicas": 0, "max_replicas": 1}


class PoolRoot:
    """The application's root, so that engines are inner deployments: no port and no ingress drain of their own."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine


def gateway_app(gateway: GatewayPlan) -> serve.Application:
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
    return _versioned(replica).bind(str(state_dir(gateway.port)))


def _versioned(deployment: serve.Deployment, arguments: Mapping[str, Any] | None = None) -> serve.Deployment:
    """Give *deployment* the version that follows from its arguments and from this program's own."""
    told = json.dumps([package_version("tercet"), arguments or {}], sort_keys=True)
    return deployment.options(version=hashlib.sha256(told.encode()).hexdigest()[:16], _internal=True)


def pool_app(
    pool: PoolPlan, *, state_dir: Path, cache: str | None, adapters_from: Sequence[str] = ()
) -> serve.Application:
    """Return one pool's application; at run time its adapters are loaded from inside the folders *adapters_from*."""
    spec = {
        "name": pool.name,
        "pool": pool.name,
        "family": pool.family,
        "source": pool.source,
        "runtime": pool.runtime,
        "engine": {**_executor(pool), **pool.engine},
        "media": dict(pool.media),
        "synthetic": dict(pool.synthetic),
        "targets": dict(pool.targets),
        "pinned_cores": pool.pinned_cores,
        "controller": list(CONTROLLER),
        "state_dir": str(state_dir),
        "cache": cache,
    }
    engine = serve.deployment(EngineReplica).options(
        name=ENGINE_DEPLOYMENT,
        user_config={
            "max_waiting": pool.max_waiting,
            "adapters": dict(pool.adapters),
            "adapters_from": list(adapters_from),
        },
        autoscaling_config=autoscaling_config(pool, namespace=NAMESPACE),
        graceful_shutdown_timeout_s=pool.drain_s,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=2,
        health_check_timeout_s=10,
        ray_actor_options={
            **_ray_actor_options(pool),
            "runtime_env": {"env_vars": replica_environment(pool.runtime, pinned=pool.pinned_cores is not None)},
        },
        **_placement(pool),
        logging_config=QUIET,
    )
    root = serve.deployment(PoolRoot).options(
        name="Root", autoscaling_config=NEVER, ray_actor_options={"num_cpus": 0}, logging_config=QUIET
    )
    return _versioned(root).bind(_versioned(engine, spec).bind(spec))


def _executor(pool: PoolPlan) -> dict[str, Any]:
    """Let vLLM find its ranks in the replica's bundles where there are several."""
    return {"distributed_executor_backend": "ray"} if pool.runtime == "vllm" and len(pool.bundles) > 1 else {}


def _placement(pool: PoolPlan) -> dict[str, Any]:
    """Return the placement group of a replica whose ranks are processes of their own, spread over its bundles.

    The replica itself sits in the first bundle and takes no GPU; vLLM's Ray executor puts one rank into each bundle.
    """
    if len(pool.bundles) == 1:
        return {}
    return {
        "placement_group_bundles": [dict(bundle) for bundle in pool.bundles],
        "placement_group_strategy": pool.strategy,
    }


def _ray_actor_options(pool: PoolPlan) -> dict[str, Any]:
    if len(pool.bundles) > 1:
        return {"num_cpus": 0}
    options: dict[str, Any] = {"num_cpus": pool.cpus, "num_gpus": pool.gpus}
    if pool.memory is not None:
        options["memory"] = pool.memory
    # What is in the bundle beside them keeps the replica to machines of one group.
    kept_to = {name: amount for name, amount in pool.bundles[0].items() if name not in {"CPU", "GPU", "memory"}}
    return {**options, "resources": kept_to} if kept_to else options


def applications(plan: Plan, *, state_dir: Path, cache: str | None) -> list[serve.RunTarget]:
    """Return every application; the gateway is first so that /health answers while pools load."""
    return [gateway_target(plan.gateway), *pool_targets(plan, plan.pools, state_dir=state_dir, cache=cache)]


def pool_targets(plan: Plan, pools: Sequence[PoolPlan], *, state_dir: Path, cache: str | None) -> list[serve.RunTarget]:
    """Return the applications of some of a plan's pools."""
    folders = plan.gateway.settings["admin"]["adapters_from"]
    return [
        serve.RunTarget(
            target=pool_app(pool, state_dir=state_dir, cache=cache, adapters_from=folders),
            name=application_of(pool.name),
            route_prefix=None,
        )
        for pool in pools
    ]


def gateway_target(gateway: GatewayPlan) -> serve.RunTarget:
    """Return the gateway's application with its name and route; deployed again it only takes the new settings."""
    return serve.RunTarget(target=gateway_app(gateway), name=GATEWAY_APP, route_prefix="/")


def fleet_pools(plan: Plan) -> list[dict[str, Any]]:
    """Return what the fleet controller must know of each pool: fields of ``autoscale.pools.PoolSettings``."""
    return [
        {
            "name": pool.name,
            "application": application_of(pool.name),
            "deployment": ENGINE_DEPLOYMENT,
            "min_replicas": pool.min_replicas,
            "max_replicas": pool.max_replicas,
            "initial_replicas": pool.initial_replicas,
            "slots": pool.slots,
            "ttft_p95_s": pool.ttft_p95_s,
            "tpot_p95_s": pool.tpot_p95_s,
            "late": pool.late,
            "hardware": hardware(pool),
            "priority": pool.priority,
            "stand_ins": list(pool.stand_ins),
            "profile": asdict(pool.profile) if pool.profile is not None else None,
        }
        for pool in plan.pools
    ]


def book_settings(plan: Plan, directory: Path) -> dict[str, Any]:
    """Return where the fleet controller keeps costs: fields of ``autoscale.controller.bookkeeping.BookSettings``."""
    settings = CostSettings.model_validate(plan.costs)
    return {
        "file": settings.file or str(directory / BOOK),
        "keep_hours": math.ceil(settings.keep / 3600),
        "currency": settings.currency,
        "pools": {
            pool.name: {"gpus": pool.gpus, "cpus": pool.cpus, "cost_per_hour": pool.cost_per_hour}
            for pool in plan.pools
        },
    }


def hardware(pool: PoolPlan) -> dict[str, Any]:
    """Return what one replica takes: fields of ``autoscale.hardware.Hardware``.

    Where nobody said what it costs, a GPU counts as much as any other, and as a CPU of a pool that has no GPUs.
    """
    cost = pool.cost_per_hour if pool.cost_per_hour is not None else pool.gpus or pool.cpus or 1.0
    return {"kind": "gpu" if pool.gpus else "cpu", "gpus": pool.gpus, "cpus": pool.cpus, "cost_per_hour": cost}
