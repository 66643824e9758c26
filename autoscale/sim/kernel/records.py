"""The records that compiled code works on: requests, replicas, and what is counted of a pool."""

from __future__ import annotations

import numpy as np

from deployments.signals import LATENCY_BOUNDS_S
from deployments.totals import LENGTH_BINS, STEP_FEATURES, StepTotals

NONE = -1
GRAM = len(StepTotals().gram)
LATENCIES = len(LATENCY_BOUNDS_S) + 1
# The sums of ``LengthTotals``, and its two histograms behind them.
LENGTH_SUMS = 7
LENGTHS = LENGTH_SUMS + 2 * LENGTH_BINS
# Bins of 2 % from 10 us on reach 10,000 s.
BIN_FROM_S = 1e-5
BIN_RATIO = 1.02
BINS = 1050

# A request that has been sent and not finished. ``next`` and ``previous`` link it into a queue or into the running
# set. While it decodes, ``generated`` follows from ``finish_step``, the step of its replica that makes its last token;
# that is NONE until the replica has made a token for it.
REQUEST = np.dtype(
    [
        ("arrival_s", "f8"), ("first_s", "f8"), ("finish_step", "i8"), ("number", "i8"),
        ("prompt", "i4"), ("output", "i4"), ("cached", "i4"), ("computed", "i4"), ("generated", "i4"),
        ("next", "i4"), ("previous", "i4"), ("origin", "i4"),
    ],
    align=True,
)  # fmt: skip

# An engine. A segment is a number of steps with the same sequences in them; the first began at ``began_s`` as step
# ``step`` and the last ends at ``ends_s``. ``decoding`` sequences hold ``kv`` tokens between them. ``fresh`` sequences
# at the end of the running set get the first token after a prefill when the segment ends. ``place`` is where the
# replica stands in the heap of events, ``idle_s`` when it last became empty. ``unbegun`` of the requests ``in_flight``
# have had no token from this replica: preempted ones may have had some. Of those in its queue ``late`` ones are behind
# the ``waiting``, of which so many were ``preferred`` since the last late one was taken.
REPLICA = np.dtype(
    [
        ("began_s", "f8"), ("ends_s", "f8"), ("chance", "f8"), ("flat_s", "f8"), ("idle_s", "f8"),
        ("prefill", "f8"), ("context", "f8"), ("squared", "f8"),
        ("gram", "f8", (GRAM,)), ("seconds", "f8", (STEP_FEATURES,)),
        ("step", "i8"), ("steps", "i8"), ("decoding", "i8"), ("kv", "i8"), ("free", "i8"), ("fresh", "i8"),
        ("running", "i8"), ("run_head", "i8"), ("run_tail", "i8"), ("partial", "i8"),
        ("waiting", "i8"), ("wait_head", "i8"), ("wait_tail", "i8"),
        ("late", "i8"), ("late_head", "i8"), ("late_tail", "i8"), ("preferred", "i8"),
        ("in_flight", "i8"), ("place", "i8"),
        ("queued_prompt", "i8"), ("promised", "i8"), ("answered", "i8"), ("unbegun", "i8"),
    ],
    align=True,
)  # fmt: skip

# What holds for every replica of a pool. Its scheduler aims at ``due_s`` and ``pace_s``, infinite where at nothing; its
# requests are judged by ``ttft_s`` and ``tpot_s``.
ENGINE = np.dtype(
    [
        ("base_s", "f8"), ("prefill_token_s", "f8"), ("prefill_context_s", "f8"), ("sequence_s", "f8"),
        ("kv_token_s", "f8"), ("noise", "f8"), ("routing_s", "f8"), ("ttft_s", "f8"), ("tpot_s", "f8"),
        ("due_s", "f8"), ("pace_s", "f8"),
        ("slots", "i8"), ("budget", "i8"), ("blocks", "i8"), ("block", "i8"), ("most_output", "i8"), ("limit", "i8"),
    ],
    align=True,
)  # fmt: skip

# What a gateway knows of the pool, and where its lists begin. Requests that no replica is there for are ``held`` in a
# queue; ``unanswered`` ones, those included, have had no token yet.
POOL = np.dtype(
    [
        ("free", "i8"), ("held", "i8"), ("held_head", "i8"), ("held_tail", "i8"), ("ready", "i8"), ("events", "i8"),
        ("arrivals", "i8"), ("refused", "i8"), ("in_flight", "i8"), ("unanswered", "i8"), ("unanswered_prompt", "i8"),
        ("judged", "i8"), ("within", "i8"), ("preemptions", "i8"), ("requeued", "i8"), ("wake", "i8"), ("random", "u8"),
        ("lengths", "f8", (LENGTHS,)),
        ("ttft", "i8", (LATENCIES,)), ("ttft_sum_s", "f8"),
        ("inter_token", "i8", (LATENCIES,)), ("inter_token_sum_s", "f8"),
    ],
    align=True,
)  # fmt: skip

# What came of the requests that were sent to a pool, whoever answered them.
RESULT = np.dtype(
    [
        ("ttft_s", "f8"), ("tpot_s", "f8"), ("ttft_sum_s", "f8"), ("tpot_sum_s", "f8"),
        ("requests", "i8"), ("answered", "i8"), ("within", "i8"), ("within_ttft", "i8"), ("within_tpot", "i8"),
        ("refused", "i8"), ("cut", "i8"), ("tokens", "i8"),
        ("ttft", "i8", (BINS,)), ("tpot", "i8", (BINS,)),
    ],
    align=True,
)  # fmt: skip
