"""What child processes inherit from the environment of this one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def inherited(environment: Mapping[str, str]) -> Iterator[None]:
    """Let processes that are started in the block inherit *environment*; what this process had comes back."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
