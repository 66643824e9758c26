"""What a request's prompt is made of, read from the wire body of any endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.request import Endpoint, Request

_IMAGES = frozenset({"image", "image_url", "input_image", "image_embeds", "image_pil"})
# Where the prompt is that is not a conversation, what it is compared with, and what stands before a conversation.
_FIELDS: Mapping[Endpoint, str] = {
    "completion": "prompt",
    "responses": "input",
    "embeddings": "input",
    "score": "queries",
    "rerank": "query",
    "detokenize": "tokens",
}
_COMPARED: Mapping[Endpoint, str] = {"score": "documents", "rerank": "documents"}
_INSTRUCTIONS = ("system", "instructions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The words of a prompt, and what else it brings.

    ``text`` is everything the model reads; ``question`` is the client's last turn. ``token_ids`` counts tokens that
    came as numbers and have no text. ``turns`` counts the client's own messages.
    """

    text: str
    question: str
    turns: int = 1
    images: int = 0
    tools: int = 0
    token_ids: int = 0

    @property
    def features(self) -> frozenset[str]:
        """Return which of ``images`` and ``tools`` are present."""
        return frozenset(name for name in ("images", "tools") if getattr(self, name))


def read_prompt(request: Request) -> Prompt:
    """Read the prompt of *request*; parts of an unknown shape count as nothing."""
    body, field = request.body, _FIELDS.get(request.endpoint, "messages")
    said = body.get(field)
    if field == "messages" and said is None:
        field, said = "prompt", body.get("prompt")
    if field == "messages" or (request.endpoint == "responses" and isinstance(said, list)):
        return _conversation(_list(said), body)
    if request.endpoint == "responses":
        return _conversation([{"role": "user", "content": said}], body)
    return _bare(said, body.get(_COMPARED.get(request.endpoint, "")))


def _bare(prompts: Any, compared: Any) -> Prompt:
    texts, token_ids = [], 0
    for part in (*_prompts(prompts), *_prompts(compared)):
        if isinstance(part, str):
            texts.append(part)
        else:
            token_ids += len(part)
    return Prompt(text="\n".join(texts), question="\n".join(texts), token_ids=token_ids)


def _prompts(value: Any) -> list[str | list[Any]]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    if all(isinstance(item, int) for item in value):
        return [value]
    return [item for item in value if isinstance(item, str | list)]


def _conversation(said: list[Any], body: Mapping[str, Any]) -> Prompt:
    messages = [message for message in said if isinstance(message, Mapping)]
    texts = ["\n".join(_texts(message.get("content"))) for message in messages]
    asked = [text for message, text in zip(messages, texts, strict=True) if message.get("role") == "user"]
    rules = [text for field in _INSTRUCTIONS for text in _texts(body.get(field))]
    return Prompt(
        text="\n".join([*rules, *texts]),
        question=asked[-1] if asked else "".join(texts[-1:]),
        turns=len(asked),
        images=sum(part.get("type") in _IMAGES for message in messages for part in _parts(message.get("content"))),
        tools=len(_list(body.get("tools"))) + len(_list(body.get("functions"))),
    )


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in _parts(content):
        if isinstance(text := part.get("text"), str):
            yield text


def _parts(content: Any) -> Iterator[Mapping[str, Any]]:
    return (part for part in _list(content) if isinstance(part, Mapping))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
