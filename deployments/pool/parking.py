"""Leave replicas alone that are about to be released, as long as the others can take what comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deployments.pool.link import Link


def staying(links: Sequence[Link], parked: Collection[str]) -> Sequence[Link]:
    """Return those of *links* that stay, where one of them has room; else all of them."""
    if not parked:
        return links
    rest = [link for link in links if link.place.replica not in parked]
    return rest if any(link.in_flight < link.load.limit for link in rest) else links
