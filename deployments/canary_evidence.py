"""What counts prove of a share, however often one looks at them.

A canary is judged every second on counts that grow, and a bound for one look (Wilson's, Newcombe's) is exceeded sooner
or later by every honest candidate. What holds for all looks together is a test martingale. For values x in [0, 1] of
mean at most p, and any r > 1, convexity gives E[r**x] <= 1 + p (r - 1); so the product over n values with the sum s,

    r**s / (1 + p (r - 1))**n,

grows on average not at all, and so does its mean over several r. By Ville's inequality the chance that it ever exceeds
1 / CHANCE is at most CHANCE (J. Ville, Étude critique de la notion de collectif, 1939; for x in {0, 1} each r is Wald's
sequential probability ratio test against the share whose odds are r times those of p, 1945).
"""

from __future__ import annotations

import math

# For one statement in one stage: five stages of five gates, two of which take two statements, give up a candidate that
# lies exactly on every limit in at most 3.5 % of all rollouts, and one that is within its limits in far fewer.
CHANCE = 0.001
# From odds so close that thousands of requests are needed, to those that two or three tell.
RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 200.0, 1000.0)
_HALVINGS = 20


def exceeds(part: float, total: int, share: float) -> bool:
    """Say whether *part* of *total* proves that its true share is more than *share*; all are at least 0."""
    if part <= share * total:
        return False
    if share <= 0:
        return True
    needed = math.log(len(RATIOS) / CHANCE)
    logs = [part * math.log(ratio) - total * math.log1p(share * (ratio - 1)) for ratio in RATIOS]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs)) > needed


def at_most(part: float, total: int) -> float:
    """Return the share that *part* of *total* proves to be an upper bound of the true one; 1 where it proves none."""
    low, high = part / total if total else 1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if exceeds(total - part, total, 1 - middle) else (middle, high)
    return high
