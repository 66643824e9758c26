"""How sure vLLM is of its tokens, asked for beside whatever the client asked for and taken out again."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import islice

from vllm.logprobs import Logprob
from vllm.outputs import CompletionOutput
from vllm.sampling_params import SamplingParams

from deployments.engines.watch import Watch

# The margin is between the two most likely tokens.
NEEDED = 2


def askable(sampling_params: SamplingParams) -> bool:
    """Say whether the most likely tokens can be asked for: not beside tokens that the client named."""
    return not sampling_params.logprob_token_ids


def asking(sampling_params: SamplingParams) -> SamplingParams:
    """Return *sampling_params* that ask for at least the most likely two."""
    wanted = sampling_params.logprobs
    if wanted is not None and (wanted < 0 or wanted >= NEEDED):
        return sampling_params
    changed = copy.copy(sampling_params)
    changed.logprobs = NEEDED
    return changed


def take_out(choice: CompletionOutput, wanted: int | None, watch: Watch) -> None:
    """Tell *watch* how likely the tokens of *choice* were, and leave in it what the client *wanted*."""
    found: Sequence[Mapping[int, Logprob] | None] = choice.logprobs or ()
    for token, likely in zip(choice.token_ids, found, strict=False):
        if likely is not None:
            watch.judge(likely[token].logprob, _margin(likely))
    if wanted is None:
        choice.logprobs = None
    elif 0 <= wanted < NEEDED:
        choice.logprobs = [likely and _fewer(likely, wanted) for likely in found]


def _margin(likely: Mapping[int, Logprob]) -> float:
    first, second = islice(sorted((one.logprob for one in likely.values()), reverse=True), NEEDED)
    return float(first - second)


def _fewer(likely: Mapping[int, Logprob], wanted: int) -> dict[int, Logprob]:
    """Keep the sampled token, which comes first, and the *wanted* most likely ones."""
    sampled = next(iter(likely))
    return {token: one for token, one in likely.items() if token == sampled or (one.rank or 0) <= wanted}
