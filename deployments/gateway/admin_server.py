"""A port of their own for operators, beside the one that clients reach."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from deployments.gateway.admin_settings import AdminSettings
from deployments.telemetry.logs import event

_CLOSE_S = 5.0
# Whoever has the port may let go of it: the gateway before this one, which ends with its requests.
AGAIN_S = 5.0


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _nothing() -> None:
    """Have nothing to end."""


class AdminServer:
    """Serves *app* where the settings say; every gateway of a machine listens there, and one of them is asked.

    A port that somebody else has is told in the log, and is tried again every *again_s* seconds. *leave* is called
    before the port closes, to end what would go on for ever.
    """

    def __init__(self, app: ASGIApp, *, again_s: float = AGAIN_S, leave: Callable[[], None] = _nothing) -> None:
        self._app, self._again_s, self._leave = app, again_s, leave
        self._address: tuple[str, int] | None = None
        self._server: _Server | None = None
        self._fault = ""
        self._serving: asyncio.Task[None] | None = None

    async def follow(self, settings: AdminSettings) -> None:
        """Listen where *settings* say, and nowhere else."""
        wanted = None if settings.port is None else (settings.host, settings.port)
        if wanted == self._address:
            return
        await self.close()
        if wanted is None:
            return
        self._address, self._fault = wanted, ""
        self._serving = asyncio.create_task(self._serve(self._listener(wanted), wanted), name="port of operators")

    async def close(self) -> None:
        """Stop listening, and end what is under way within a few seconds."""
        server, serving = self._server, self._serving
        self._address = self._server = self._serving = None
        if serving is None:
            return
        self._leave()
        if server is not None:
            server.should_exit = True
            await asyncio.wait([serving], timeout=_CLOSE_S)
        serving.cancel()
        await asyncio.wait([serving])

    async def _serve(self, listener: socket.socket | None, address: tuple[str, int]) -> None:
        while True:
            if listener is not None:
                server = self._server = _Server(
                    uvicorn.Config(
                        self._app,
                        log_config=None,
                        lifespan="off",
                        access_log=False,
                    )
                )
                try:
                    await server.serve(sockets=[listener])
                except Exception as error:  # noqa: BLE001 - whatever broke it, operators need the port
                    self._told(address, error)
                self._server = None
                if server.should_exit:
                    return
            await asyncio.sleep(self._again_s)
            listener = self._listener(address)

    def _listener(self, address: tuple[str, int]) -> socket.socket | None:
        try:
            return socket.create_server(address, family=_family(address[0]), reuse_port=True)
        except OSError as error:
            self._told(address, error)
            return None

    def _told(self, address: tuple[str, int], error: Exception) -> None:
        """Tell of a fault once, however often it is met."""
        if (fault := str(error)) != self._fault:
            self._fault = fault
            event("admin_port_closed", logging.ERROR, host=address[0], port=address[1], error=error)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
