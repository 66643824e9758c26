"""What every deployment is given: the version that follows from it, and a quiet log.

An engine's arguments hold only what it must restart for, and everything else travels in ``user_config``. A deployment's
version is made of its arguments: Serve, which by itself would give each deployment of an application another version
and restart all its replicas, then hands a new ``user_config`` to those that run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version as package_version
from typing import Any

from ray import serve
from ray.serve.schema import LoggingConfig

QUIET = LoggingConfig(enable_access_log=False)


def versioned(deployment: serve.Deployment, arguments: Mapping[str, Any] | None = None) -> serve.Deployment:
    """Give *deployment* the version that follows from its arguments and from this program's own."""
    told = json.dumps([package_version("tercet"), arguments or {}], sort_keys=True)
    return deployment.options(version=hashlib.sha256(told.encode()).hexdigest()[:16], _internal=True)
