"""A gateway as Serve runs it: the graph behind an ASGI application that waits for its settings."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import ray
from ray import serve
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.applications.names import CONTROLLER
from deployments.collection import collect_seldom
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
from deployments.pool.scaling_orders import ScalingOrders
from deployments.pool.scraped import ScrapePoint
from deployments.pool.scraping import Scraping
from deployments.pool.transport import PoolTransport
from deployments.signals import FleetView, GatewayPlace
from deployments.switching import switch_often
from deployments.telemetry.logs import configure
from deployments.telemetry.traces import from_environment


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
