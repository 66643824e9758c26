"""What the pools' prompts may hold beside text, and whom their engines may ask for it, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.plan import PoolPlan
from deployments.media import MediaSpec


def media(pools: Sequence[PoolPlan]) -> Iterator[str]:
    """Yield a line for every pool that takes more than text."""
    for pool in pools:
        spec = MediaSpec.model_validate(pool.media)
        counts = {"images": spec.images, "audio": spec.audio, "videos": spec.videos}
        taken = ", ".join(f"{count} {things}" for things, count in counts.items() if count)
        if taken:
            asked = ", ".join(spec.allowed_hosts) or "no other machine"
            yield f"{pool.name}: at most {taken} a request, of {spec.max_pixels:,} pixels each; asks {asked}"
