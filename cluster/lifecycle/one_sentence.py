"""What Ray has to say, in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cluster.failure import cause
from cluster.obstacles import CannotServeError


@contextlib.contextmanager
def in_one_sentence(doing: str) -> Iterator[None]:
    """Turn whatever Ray raises while *doing* something into a CannotServeError."""
    import ray  # noqa: PLC0415
    from ray.serve.exceptions import RayServeException  # noqa: PLC0415

    try:
        yield
    except (ray.exceptions.RayError, RayServeException, RuntimeError, OSError, TimeoutError) as error:
        raise CannotServeError(f"{doing} failed: {cause(str(error))}") from error
