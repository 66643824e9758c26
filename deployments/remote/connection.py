"""One HTTP call to a remote server, with its failures as errors of the one tree."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import msgspec

from deployments.errors import EngineFailed, Rejected
from deployments.remote.spec import RemoteSpec

_IDLE_S = 30.0
_MOST_IDLE = 32
_CONNECTED = "connection.connect_tcp.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent, and to which path."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Connections:
    """Keeps connections to one server alive between calls; leaving a call early closes its connection.

    Nothing changes where calls go: no proxy or password file of the process's environment, no redirect. Calls of all
    tenants share the connections and nothing else: no cookie is kept. Certificates are checked by the usual
    authorities, or by those in SSL_CERT_FILE.
    """

    def __init__(self, name: str, spec: RemoteSpec) -> None:
        self._name, self._url = name, spec.url
        self._client = httpx.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(None, connect=spec.timeout.connect),
            limits=httpx.Limits(
                max_connections=spec.concurrency,
                max_keepalive_connections=min(_MOST_IDLE, spec.concurrency),
                keepalive_expiry=_IDLE_S,
            ),
            verify=_trust(spec.url),
            follow_redirects=False,
            trust_env=False,
        )

    @asynccontextmanager
    async def call(self, call: Call) -> AsyncGenerator[httpx.Response]:
        """Yield the answer as soon as its headers are there.

        Raises EngineFailed where there is no answer, Rejected once these connections are closed for good.
        """
        try:
            response = await self._sent(call)
        except httpx.HTTPError as error:
            raise EngineFailed(f"{self._name}: {_reason(error)}") from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            raise Rejected(f"{self._name}: is no longer as this request knew it", retry_after_s=1.0) from error
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _sent(self, call: Call) -> httpx.Response:
        """Send *call*, a second time where a connection that was kept had been closed by the server meanwhile."""
        request = self._client.build_request(
            "POST", self._url + call.path, headers=dict(call.headers), content=msgspec.json.encode(call.body)
        )
        fresh = False

        async def trace(name: str, _: object) -> None:
            nonlocal fresh
            fresh = fresh or name == _CONNECTED

        request.extensions["trace"] = trace
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if fresh:
                raise
            return await self._client.send(request, stream=True)


async def chunks(name: str, response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield an answer's body as it comes; raises EngineFailed where the connection breaks."""
    try:
        async with aclosing(response.aiter_bytes()) as raw:  # type: ignore[type-var]
            async for chunk in raw:
                yield chunk
    except httpx.HTTPError as error:
        raise EngineFailed(f"{name}: {_reason(error)}") from error


def _trust(url: str) -> ssl.SSLContext:
    """Return who is trusted; reading the authorities takes long, and what is not encrypted needs none."""
    return httpx.create_ssl_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "the server behind it did not take the connection in time"
    kind = "cannot be reached" if isinstance(error, httpx.ConnectError) else "the connection to its server broke"
    return f"{kind} ({str(error)[:200] or type(error).__name__})"
