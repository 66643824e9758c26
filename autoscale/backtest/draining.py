"""How long a replica that gets no more requests takes to finish those that it has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_POINTS = 2000


def drain_s(tokens: npt.NDArray[np.int32], token_s: float, in_flight: float, most_s: float) -> float:
    """Return the mean time until the last of *in_flight* answers has ended, *most_s* at most; seconds.

    Answers are as long as *tokens*, at *token_s* each. One that is met under way is likelier a long one, of which any
    part is left: more than x with probability E[(length - x)+] / E[length] (the residual life of a renewal process).
    """
    lasting = np.sort(np.maximum(tokens, 1) * token_s)
    span_s = min(most_s, float(lasting[-1]))
    at = (np.arange(_POINTS) + 0.5) * (span_s / _POINTS)
    beyond = np.concatenate([np.cumsum(lasting[::-1])[::-1], np.zeros(1)])
    longer = np.searchsorted(lasting, at, "right")
    left = (beyond[longer] - at * (len(lasting) - longer)) / beyond[0]
    return span_s * float(np.mean(1.0 - (1.0 - left) ** in_flight))
