"""What the gateway checks of the bodies for pooling models: embeddings, scores and rankings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from deployments.gateway.checked import MAX_INPUTS, Body, Count, wrong
from deployments.gateway.openai_body import ChatMessage, check_messages
from deployments.gateway.prompt_input import PromptInput, check_prompts

Scored = str | dict[str, Any]
_Truncated = Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)]
# Two names for each side of a comparison are in use, and one pair of them more.
_PAIRS = (("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2"))


class EmbeddingsRequest(Body, kw_only=True):
    """``/v1/embeddings``."""

    input: PromptInput | None = None
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    truncate_prompt_tokens: _Truncated | None = None
    user: str | None = None

    def check(self) -> None:
        """Raise an Invalid for nothing to embed."""
        if self.messages is not None:
            check_messages(self.messages)
        elif self.input is None:
            raise wrong("input", "is missing")
        else:
            check_prompts(self.input, "input")


class ScoreRequest(Body, kw_only=True):
    """``/v1/score``: how alike two texts are, or one text and several others, or pair by pair."""

    queries: Scored | list[Scored] | None = None
    documents: Scored | list[Scored] | None = None
    items: Scored | list[Scored] | None = None
    text_1: Scored | list[Scored] | None = None
    text_2: Scored | list[Scored] | None = None
    data_1: Scored | list[Scored] | None = None
    data_2: Scored | list[Scored] | None = None
    truncate_prompt_tokens: _Truncated | None = None

    def check(self) -> None:
        """Raise an Invalid unless there are two sides that can be compared."""
        given = next((pair for pair in _PAIRS if None not in (getattr(self, pair[0]), getattr(self, pair[1]))), None)
        if given is None:
            missing = "documents" if self.queries is not None else "queries"
            raise wrong(missing, "is missing; a score compares queries with documents")
        left, right = (_listed(getattr(self, field), field) for field in given)
        if len(left) not in (1, len(right)):
            raise wrong(given[0], f"has {len(left)} entries for {len(right)} {given[1]}; give one, or one for each")


class RerankRequest(Body, kw_only=True):
    """``/v1/rerank``."""

    query: Scored
    documents: Scored | list[Scored]
    top_n: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    truncate_prompt_tokens: _Truncated | None = None

    def check(self) -> None:
        """Raise an Invalid for nothing to rank, or nothing to rank it by."""
        _listed(self.query, "query")
        _listed(self.documents, "documents")


def _listed(given: Scored | list[Scored], field: str) -> list[Scored]:
    entries = given if isinstance(given, list) else [given]
    if not entries or not all(entries):
        raise wrong(field, "is empty" if not given else "one of its entries is empty")
    if len(entries) > MAX_INPUTS:
        raise wrong(field, f"has {len(entries)} entries; send at most {MAX_INPUTS} at once")
    return entries
