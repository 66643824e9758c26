"""The Serve config that declares a cluster: one application, which deploys all others from the document it holds.

The document travels in ``user_config``, so a new one reaches the running reconciler and restarts nothing by itself:
what restarts is decided where plans are compared.
"""

from __future__ import annotations

from typing import Any

from cluster.declared.declaration import Declaration

APPLICATION = "tercet"
RECONCILER = "Reconciler"
BUILDER = "cluster.lifecycle.reconciler:application"
KEEP_ALIVE_S = 75


def serve_config(declaration: Declaration) -> dict[str, Any]:
    """Return the config for Serve's REST API and for ``serveConfigV2`` of a RayService."""
    gateway = declaration.document.get("gateway") or {}
    return {
        "proxy_location": "EveryNode",
        "http_options": {
            "host": "0.0.0.0",  # noqa: S104 - proxies are reached from outside their machine
            "port": gateway.get("port", 8000),
            "keep_alive_timeout_s": KEEP_ALIVE_S,
        },
        "logging_config": {"enable_access_log": False},
        "applications": [
            {
                "name": APPLICATION,
                "route_prefix": None,
                "import_path": BUILDER,
                "deployments": [
                    {
                        "name": RECONCILER,
                        "user_config": declaration.model_dump(mode="json"),
                    }
                ],
            }
        ],
    }
