"""Serve's REST API against a server that answers as Serve does: what is sent, and what failures become."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cluster.declared.serve_api import ServeApi, Standing
from cluster.obstacles import CannotServeError


class _Serve(BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers what it is told to."""

    got: list[tuple[str, str | None, Any]]
    answer: tuple[int, str]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).got.append((self.path, self.headers["authorization"], json.loads(body)))
        self._answer()

    def do_GET(self) -> None:
        type(self).got.append((self.path, self.headers["authorization"], None))
        self._answer()

    def _answer(self) -> None:
        status, text = type(self).answer
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def serve() -> Iterator[tuple[type[_Serve], str]]:
    handler = type("Serve", (_Serve,), {"got": [], "answer": (200, "{}")})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_the_config_is_put_with_the_token(serve):
    """Ray asks for it where it has one."""
    handler, address = serve
    ServeApi(address, "secret").put({"applications": []})
    assert handler.got == [("/api/serve/applications/", "Bearer secret", {"applications": []})]


def test_only_what_was_declared_is_asked_for(serve):
    """As KubeRay asks: gateway and pools are the reconciler's business."""
    handler, address = serve
    applications = {
        "tercet": {"status": "RUNNING", "message": "", "deployments": {"Reconciler": {"message": "left from before"}}},
        "other": {"status": "DEPLOY_FAILED", "message": "broken", "deployments": {}},
    }
    handler.answer = (200, json.dumps({"applications": applications}))
    assert ServeApi(address, None).standings() == {
        "tercet": Standing(status="RUNNING"),
        "other": Standing(status="DEPLOY_FAILED", reason="broken"),
    }
    assert handler.got == [("/api/serve/applications/?api_type=declarative", None, None)]


def test_a_refusal_and_silence_are_told_in_one_sentence(serve):
    """Serve answers with a traceback; nobody listens at another port."""
    handler, address = serve
    handler.answer = (500, "Traceback (most recent call last):\n  …\nValueError: no such thing\n")
    with pytest.raises(CannotServeError, match=r"refuses the config \(500\): ValueError: no such thing"):
        ServeApi(address, None).put({})
    with pytest.raises(CannotServeError, match="does not answer"):
        ServeApi("http://127.0.0.1:9", None).standings()
