"""One gRPC method without a service definition to generate it from."""

from __future__ import annotations

from typing import Any

import grpc


class Only(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Serves a single method."""

    def __init__(self, method: str, handler: Any) -> None:
        self._method, self._handler = method, handler

    def service(self, details: Any) -> Any:
        """Return the handler of the method that was called."""
        return self._handler if details.method == self._method else None
