"""What holds for every replica of a pool, as compiled code reads it."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoscale.capacity.profile import EngineProfile
from autoscale.sim.kernel.records import ENGINE
from deployments.scheduling.targets import NONE, Targets

_UNBOUNDED = 2**31 - 1


def engine_record(
    profile: EngineProfile, *, ttft_s: float | None, tpot_s: float | None, routing_s: float, most_output: int,
    max_waiting: int | None, targets: Targets = NONE,
) -> np.ndarray[Any, Any]:  # fmt: skip
    """Return one record; ``None`` stands for no target, and for a queue without a bound.

    Requests are judged by *ttft_s* and *tpot_s*; the engines' schedulers aim at *targets*.
    """
    limits, step, record = profile.limits, profile.step, np.zeros(1, ENGINE)
    for field in ("base_s", "prefill_token_s", "prefill_context_s", "sequence_s", "kv_token_s"):
        record[field] = getattr(step, field)
    record["noise"], record["routing_s"] = profile.noise, routing_s + profile.entry_s
    record["ttft_s"] = np.inf if ttft_s is None else ttft_s
    record["tpot_s"] = np.inf if tpot_s is None else tpot_s
    record["due_s"], record["pace_s"] = targets.due_s, targets.pace_s
    record["slots"], record["block"] = limits.slots, limits.block_tokens
    # Every sequence of the batch decodes in every step, so the budget is never less than there are slots.
    record["budget"] = max(limits.batched_tokens, limits.slots)
    record["blocks"] = limits.kv_tokens // limits.block_tokens
    record["most_output"] = most_output
    record["limit"] = _UNBOUNDED if max_waiting is None else limits.slots + max_waiting
    return record
