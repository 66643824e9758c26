"""Whether the replicas that would be left can take what one that goes leaves to them."""

from __future__ import annotations

import math

from autoscale.fleet import PoolFleet
from deployments.signals import quantile

_KV_FULL = 0.9
_FEWEST = 20
# A pool that would be less busy than this is late for another reason than its size, and may shrink.
_BUSY = 0.5


def tightness(pool: PoolFleet) -> float:
    """Return the 99th percentile of TTFT or the mean time per token as a share of its target, whichever is more.

    Infinite while too few values or no target tell.
    """
    shares = []
    if pool.slo.ttft_p95_s and pool.ttft.total >= _FEWEST:
        shares.append((quantile(pool.ttft, 0.99) or 0.0) / pool.slo.ttft_p95_s)
    if pool.slo.tpot_p95_s and pool.inter_token.total >= _FEWEST:
        shares.append(pool.inter_token.sum_s / pool.inter_token.total / pool.slo.tpot_p95_s)
    return max(shares, default=math.inf)


def too_tight(pool: PoolFleet, left: int, work: float) -> str:
    """Say why *left* replicas would not do, "" where they do; *work* is the demand in replicas.

    Each would have n / left times as much: of the KV cache, and about that much longer steps. TTFT only has to be kept
    now, since it hardly grows before a queue forms.
    """
    if left <= 0 or work < _BUSY * left:
        return ""
    more = max(1, pool.ready) / left
    kv = [replica.load.kv_used for replica in pool.replicas if replica.load and replica.stage == "ready"]
    if kv and sum(kv) / len(kv) * more > _KV_FULL:
        return f"KV caches would be {sum(kv) / len(kv) * more:.0%} full"
    ttft_s, tpot_s = quantile(pool.ttft, 0.95), quantile(pool.inter_token, 0.95)
    if pool.slo.ttft_p95_s and ttft_s and pool.ttft.total >= _FEWEST and ttft_s > pool.slo.ttft_p95_s:
        return f"TTFT p95 is {ttft_s:.2f}s > {pool.slo.ttft_p95_s:g}s already"
    if pool.slo.tpot_p95_s and tpot_s and pool.inter_token.total >= _FEWEST and tpot_s > pool.slo.tpot_p95_s:
        return f"TPOT p95 is {tpot_s * 1000:.0f}ms > {pool.slo.tpot_p95_s * 1000:g}ms already"
    return ""
