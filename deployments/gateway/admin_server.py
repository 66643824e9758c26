"""A port of their own for operators, beside the one that clients reach."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from deployments.gateway.admin_settings import AdminSettings
from deployments.telemetry.logs import event

_CLOSE_S = 5.0


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AdminServer:
    """Serves *app* where the settings say; every gateway of a machine listens there, and one of them is asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._address: tuple[str, int] | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def follow(self, settings: AdminSettings) -> None:
        """Listen where *settings* say, and nowhere else; a port that somebody else has is told in the log."""
        wanted = None if settings.port is None else (settings.host, settings.port)
        if wanted == self._address:
            return
        await self.close()
        if wanted is None:
            return
        try:
            listener = socket.create_server(wanted, family=_family(wanted[0]), reuse_port=True)
        except OSError as error:
            event("admin_port_closed", logging.ERROR, host=wanted[0], port=wanted[1], error=error)
            return
        self._server = _Server(uvicorn.Config(self._app, log_config=None, lifespan="off", access_log=False))
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="port of operators")
        self._serving.add_done_callback(_ended)
        self._address = wanted

    async def close(self) -> None:
        """Stop listening, and end what is under way within a few seconds."""
        server, serving = self._server, self._serving
        self._address = self._server = self._serving = None
        if server is None or serving is None:
            return
        server.should_exit = True
        await asyncio.wait([serving], timeout=_CLOSE_S)
        serving.cancel()


def _ended(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and (error := serving.exception()) is not None:
        event("admin_port_closed", logging.ERROR, error=error)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
