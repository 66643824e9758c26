"""Go on with an answer that began in another engine, as if it had begun in this one.

What was delivered is appended to the prompt and prefilled. The client sees one answer because everything that follows
the engine (detokenizer, stop strings, rendering, usage) first reads the beginning as an output of its own, whose
rendering is thrown away.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import SamplingParams
from vllm.tokenizers import TokenizerLike
from vllm.v1.engine.detokenizer import IncrementalDetokenizer

from deployments.engines.watch import Watch
from deployments.errors import Invalid
from deployments.request import Resume


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What was delivered, and what is left to do: the longer prompt, and parameters with the rest of the budget."""

    prompt_ids: list[int]
    ids: list[int]
    text: str
    prompt: Mapping[str, Any]
    params: SamplingParams
    detokenizer: IncrementalDetokenizer

    @property
    def complete(self) -> bool:
        """Say whether no token is left of what was asked for."""
        return self.params.max_tokens is not None and self.params.max_tokens <= 0

    def replayed(self, request_id: str) -> RequestOutput:
        """Return the output that says what was delivered."""
        return self._output(request_id, self.text, self.ids)

    def ended(self, request_id: str) -> RequestOutput:
        """Return the output that ends an answer of which no token is left."""
        rest = self.detokenizer.get_next_output_text(finished=True, delta=True)
        return self._output(request_id, rest, [], finish_reason="length")

    def _output(self, request_id: str, text: str, ids: list[int], finish_reason: str | None = None) -> RequestOutput:
        choice = CompletionOutput(
            index=0,
            text=text,
            token_ids=ids,
            cumulative_logprob=None,
            logprobs=None if self.params.logprobs is None else [None] * len(ids),
            finish_reason=finish_reason,
        )
        return RequestOutput(
            request_id=request_id,
            prompt=None,
            prompt_token_ids=self.prompt_ids,
            prompt_logprobs=None,
            outputs=[choice],
            finished=finish_reason is not None,
        )


def beginning(
    watch: Watch, resume: Resume, prompt: Mapping[str, Any], params: SamplingParams, tokenizer: TokenizerLike
) -> Beginning:
    """Return what has to be done to go on; raises Invalid where the prompt cannot be made longer."""
    prompt_ids = prompt.get("prompt_token_ids")
    if prompt.get("type") not in ("token", "multimodal") or prompt_ids is None:
        raise Invalid("prompt: a prompt of embeddings cannot be gone on from", param="prompt")
    own = watch.own and (bool(resume.ids) or not resume.text)
    ids = list(resume.ids) if own else list(tokenizer.encode(resume.text, add_special_tokens=False))
    detokenizer, text = _read(tokenizer, prompt_ids, ids, params)
    if not own:
        text = resume.text
        # Another model's text is delivered as it is, however this one would have spelt it.
        detokenizer._last_output_text_offset = len(detokenizer.output_text)
    longer = {**prompt, "prompt_token_ids": [*prompt_ids, *ids]}
    longer.pop("prompt_token_offsets", None)
    return Beginning(
        prompt_ids=list(prompt_ids),
        ids=ids,
        text=text,
        prompt=longer,
        params=_less(params, len(ids)),
        detokenizer=detokenizer,
    )


def _read(
    tokenizer: TokenizerLike, prompt_ids: Sequence[int], ids: Sequence[int], params: SamplingParams
) -> tuple[IncrementalDetokenizer, str]:
    """Return a detokenizer that has read *ids* one by one, and the text that it gave out."""
    asked: Any = SimpleNamespace(
        request_id="resumed", prompt_token_ids=list(prompt_ids), prompt_embeds=None, sampling_params=params
    )
    detokenizer = IncrementalDetokenizer.from_new_request(tokenizer, asked)
    for token in ids:
        detokenizer.update([token], False)
    return detokenizer, detokenizer.get_next_output_text(finished=False, delta=True)


def _less(params: SamplingParams, tokens: int) -> SamplingParams:
    changed = copy.copy(params)
    if changed.max_tokens is not None:
        changed.max_tokens -= tokens
    changed.min_tokens = max(0, changed.min_tokens - tokens)
    return changed
