"""When something that starts gives its first token: the clock of the start-up benchmark."""

from __future__ import annotations

import time
from http import HTTPStatus

import httpx

POLL_S = 0.2
ANSWER_S = 120.0


def first_token_at(port: int, *, within_s: float, model: str = "dense") -> float:
    """Ask the server on *port* until it streams a token and return when that was, in Unix seconds.

    Asks again whenever it is refused, so a server that answers before it can generate gains nothing by it; seldom and
    cheaply, because what starts needs every core. Raises TimeoutError.
    """
    deadline_s = time.monotonic() + within_s
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_S, verify=False, trust_env=False) as client:  # noqa: S501 - no TLS
        while time.monotonic() < deadline_s:
            at_s = _asked(client, model)
            if at_s is not None:
                return at_s
            time.sleep(POLL_S)
    raise TimeoutError(f"no token from port {port} within {within_s:g} s")


def _asked(client: httpx.Client, model: str) -> float | None:
    body = {"model": model, "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0, "stream": True}
    try:
        with client.stream("POST", "/v1/completions", json=body) as answer:
            if answer.status_code != HTTPStatus.OK:
                return None
            token = next((line for line in answer.iter_lines() if line.startswith('data: {"id"')), None)
            return None if token is None else time.time()
    except httpx.HTTPError:
        return None
