"""How many tokens a prompt cannot exceed, whatever the tokenizer makes of it.

A token of a byte-level tokenizer stands for a byte or more (Sennrich et al. 2016, with bytes as letters), and so does
one of any other that falls back to bytes. What the model reads and the body does not spell out is bounded by its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.request import Endpoint, Request

# What a chat template writes around a conversation, and what more it writes where there are tools. A longer one shows
# with its first answer, and is reckoned with from then on.
_FRAMED: frozenset[Endpoint] = frozenset({"chat", "messages", "responses"})
_FRAME_TOKENS, _TOOLS_TOKENS = 64, 512
# Around a bare prompt, a pair that is compared, and a name with its value where a template writes JSON.
_ENDS_TOKENS, _JOINT_TOKENS = 8, 4
# The conversation behind a stored response: as long as the context of most models.
_UNSEEN_TOKENS = 131_072
# The largest that processors of pictures are set to by their makers is 16,384 patches; sound and film have no such end.
_IMAGE_TOKENS, _LONG_TOKENS = 16_384, 65_536
_MEDIA: Mapping[str, int] = {
    **dict.fromkeys(("image", "image_url", "input_image", "image_embeds", "image_pil"), _IMAGE_TOKENS),
    **dict.fromkeys(("audio", "audio_url", "input_audio", "audio_embeds", "video", "video_url"), _LONG_TOKENS),
    **dict.fromkeys(("file", "input_file", "document"), _LONG_TOKENS),
}
_LINKS = frozenset({"image_url", "audio_url", "video_url", "input_audio"})
# No model reads these.
_ASIDE = frozenset({
    "encoding_format", "include", "logit_bias", "metadata", "model", "previous_response_id", "prompt_cache_key",
    "prompt_cache_retention", "request_id", "safety_identifier", "service_tier", "stop", "stop_sequences",
    "stop_token_ids", "stream_options", "user",
})  # fmt: skip
_NUMBERED = frozenset({"prompt", "input"})
_PAIRS = (
    ("query", "documents"), ("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2"),
)  # fmt: skip


def prompt_bound(request: Request) -> int:
    """Return what the prompt of *request* comes to at most, in tokens, over all prompts that it has."""
    body = request.body
    bound = sum(_most(said, numbered=field in _NUMBERED) for field, said in _read(body))
    if request.endpoint in _FRAMED:
        bound += _FRAME_TOKENS + (_TOOLS_TOKENS if body.get("tools") or body.get("functions") else 0)
    elif request.endpoint in {"score", "rerank"}:
        bound += _repeated(body)
    else:
        bound += _ENDS_TOKENS * _count(body.get("prompt", body.get("input")))
    return bound + (_UNSEEN_TOKENS if body.get("previous_response_id") else 0)


def _read(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that a model may read; single numbers are settings."""
    for field, said in body.items():
        if field not in _ASIDE and isinstance(said, str | list | Mapping):
            yield field, said


def _repeated(body: Mapping[str, Any]) -> int:
    """Return what is read beyond what is written: one query is read with every document."""
    for query, compared in _PAIRS:
        if body.get(query) is not None and body.get(compared) is not None:
            pairs = _count(body[compared])
            again = pairs - 1 if _count(body[query]) == 1 else 0
            return again * _most(body[query], numbered=False) + _ENDS_TOKENS * pairs
    return 0


def _count(said: Any) -> int:
    several = isinstance(said, list) and not all(isinstance(one, int) for one in said)
    return len(said) if several else 1


def _most(said: Any, *, numbered: bool) -> int:
    """Return the bytes of all that is *said*, at any depth; where it is *numbered* a number is a token."""
    total, left = 0, [said]
    while left:
        one = left.pop()
        if isinstance(one, str):
            total += _bytes(one)
        elif isinstance(one, list):
            total += _JOINT_TOKENS
            left += one
        elif isinstance(one, Mapping):
            medium = _medium(one)
            total += medium + sum(_bytes(str(name)) + _JOINT_TOKENS for name in one)
            if not medium or one.get("type") == "document":
                left += one.values()
        else:
            total += 1 if numbered else len(repr(one))
    return total


def _medium(part: Mapping[str, Any]) -> int:
    """Return what a picture, a sound or a film comes to, of which the body has no text; 0 for anything else."""
    kind = part.get("type")
    if isinstance(kind, str):
        return _MEDIA.get(kind, 0)
    return next((_MEDIA[link] for link in _LINKS if link in part), 0)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
