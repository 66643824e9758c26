"""Put things below one another, each as near as can be to where it would like to be."""

from __future__ import annotations

from collections.abc import Sequence


def stacked(wanted: Sequence[float], heights: Sequence[float], pull: Sequence[float], gap: float) -> list[float]:
    """Return the tops that keep the order and *gap*, with the least sum of squared distances weighted by *pull*.

    Without the heights this is isotonic regression, which pooling adjacent violators solves exactly: whatever would
    overlap moves together, to the mean of its wishes.
    """
    offsets = [sum(heights[:at]) + at * gap for at in range(len(heights))]
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, offset in zip(wanted, pull, offsets, strict=True):
        block = (want - offset, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavier, count = blocks.pop()
            total = heavier + block[1]
            block = ((mean * heavier + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
