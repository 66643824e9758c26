"""Fetch the series of every other process of the cluster, as the fleet controller last knew them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import grpc
import msgspec

from deployments.pool.scraped import METHOD
from deployments.pool.wire import KEY, OPTIONS
from deployments.signals import FleetView
from deployments.telemetry.cluster_scrape import Gathered
from deployments.telemetry.exposition import Family, Form

log = logging.getLogger("tercet.pool")

# Less than a scraper's patience, which is ten seconds by default.
WITHIN_S = 4.0
AT_ONCE = 32
_families = msgspec.msgpack.Decoder(list[Family])


class Scraping:
    """Asks gateways and replicas side by side; *own* is the name of the gateway that asks, which is not asked.

    One for *gateways* alone leaves the replicas out.
    """

    def __init__(
        self,
        own: str,
        view: Callable[[], FleetView | None],
        *,
        within_s: float = WITHIN_S,
        gateways: bool = False,
    ) -> None:
        self._own, self._view, self._within_s, self._gateways = own, view, within_s, gateways

    async def __call__(self, form: Form, node: str = "") -> Gathered:
        """Return what the processes have, those on the machine *node* alone where one is named.

        One that has not answered when the time for all is over is counted, not waited for.
        """
        places = [place for place in self._places() if not node or _host(place[1]) == node]
        limit, until_s = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time() + self._within_s
        found = await asyncio.gather(
            *(self._ask(address, key, form, limit=limit, until_s=until_s) for _, address, key in places)
        )
        told = Gathered()
        for (kind, _, _), families in zip(places, found, strict=True):
            told.add(kind, families)
        return told

    def _places(self) -> Iterator[tuple[str, str, str]]:
        view = self._view()
        if view is None:
            return
        for gateway in view.gateways:
            if gateway.gateway != self._own and gateway.address:
                yield "gateway", gateway.address, gateway.key
        for pool in () if self._gateways else view.pools.values():
            for replica in pool.replicas:
                if replica.address:
                    yield "replica", replica.address, replica.key

    async def _ask(
        self, address: str, key: str, form: Form, *, limit: asyncio.Semaphore, until_s: float
    ) -> list[Family] | None:
        try:
            async with (
                asyncio.timeout_at(until_s),
                limit,
                grpc.aio.insecure_channel(address, options=OPTIONS) as channel,
            ):
                told = await channel.unary_unary(METHOD)(form.encode(), metadata=((KEY, key),), timeout=self._within_s)
                return _families.decode(told)
        except (TimeoutError, grpc.RpcError, grpc.aio.UsageError, msgspec.MsgspecError) as error:
            log.info("scrape_missed address=%s reason=%s", address, type(error).__name__)
            return None


def _host(address: str) -> str:
    return address.rpartition(":")[0]
