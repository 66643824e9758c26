"""Where the events of a stream spell out texts, piece by piece, on each surface.

A text is known by a key; an event holds pieces of some, ends some, and may hold further texts whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deployments.request import Endpoint

Key = tuple[Any, ...]
Event = dict[str, Any]

_SAID = ("reasoning", "reasoning_content", "content", "refusal")
_BLOCKS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_ARGUMENTS = ("response.function_call_arguments", "response.mcp_call_arguments")


class Piece(NamedTuple):
    """A piece of the text *key*: it stands in *holder* under *field*; ``source`` says that it is of JSON source."""

    key: Key
    holder: Event
    field: str
    source: bool = False


@dataclass(frozen=True, slots=True)
class Surface:
    """How one endpoint spells.

    ``pieces`` of an event; ``ends`` says whether the event is the end of a text, which then has to be whole *before*
    it, or within it where ``within``; ``spelled`` returns an event like the one given that adds a text and nothing
    else; ``is_answer`` says whether a key is the text that nodes look at.
    """

    pieces: Callable[[Event], Iterator[Piece]]
    ends: Callable[[Event, Key], bool]
    spelled: Callable[[Event, Key, str], Event]
    is_answer: Callable[[Key], bool]


def _choices(event: Event) -> Iterator[Event]:
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            yield choice


def _of_choices(event: Event) -> Iterator[Piece]:
    for choice in _choices(event):
        yield from _of_choice(choice)


def _of_choice(choice: Event) -> Iterator[Piece]:
    at, delta = choice.get("index", 0), choice.get("delta")
    if isinstance(choice.get("text"), str):
        yield Piece((at, "text"), choice, "text")
    if isinstance(delta, dict):
        for field in _SAID:
            if isinstance(delta.get(field), str):
                yield Piece((at, field), delta, field)
        if "tool_calls" in delta or "function_call" in delta:
            yield from _of_calls(at, delta)


def _of_calls(at: int, delta: Event) -> Iterator[Piece]:
    calls = delta.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield Piece((at, "tool_calls", call.get("index", number)), function, "arguments", source=True)
    function = delta.get("function_call")
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        yield Piece((at, "function_call"), function, "arguments", source=True)


def _choice_ends(event: Event, key: Key) -> bool:
    return any(
        choice.get("index", 0) == key[0] and (choice.get("finish_reason") is not None or _goes_over(choice, key))
        for choice in _choices(event)
    )


def _goes_over(choice: Event, key: Key) -> bool:
    """Say whether the choice has gone over to another text, as from thoughts to words and from words to calls."""
    over = False
    for piece in _of_choice(choice):
        if piece.key == key:
            return False
        over = over or bool(piece.key[0] == key[0] and piece.holder[piece.field])
    return over


def _choice_spelled(event: Event, key: Key, text: str) -> Event:
    at, field = key[0], key[1]
    if field == "text":
        choice: Event = {"text": text}
    elif field == "tool_calls":
        choice = {"delta": {"tool_calls": [{"index": key[2], "function": {"arguments": text}}]}}
    elif field == "function_call":
        choice = {"delta": {"function_call": {"arguments": text}}}
    else:
        choice = {"delta": {field: text}}
    other = {name: value for name, value in event.items() if name not in ("choices", "usage")}
    return {**other, "choices": [{"index": at, **choice, "logprobs": None, "finish_reason": None}]}


def _of_blocks(event: Event) -> Iterator[Piece]:
    at, delta, block = event.get("index", 0), event.get("delta"), event.get("content_block")
    if event.get("type") == "content_block_delta" and isinstance(delta, dict):
        field = _BLOCKS.get(str(delta.get("type")), "")
        if isinstance(delta.get(field), str):
            yield Piece((at, str(delta["type"])), delta, field, source=field == "partial_json")
    elif event.get("type") == "content_block_start" and isinstance(block, dict):
        for kind, field in _BLOCKS.items():
            if isinstance(block.get(field), str):
                yield Piece((at, kind), block, field)


def _block_ends(event: Event, key: Key) -> bool:
    kind = event.get("type")
    return kind in ("message_delta", "message_stop") or (
        kind == "content_block_stop" and event.get("index", 0) == key[0]
    )


def _block_spelled(event: Event, key: Key, text: str) -> Event:  # noqa: ARG001 - it tells nothing that recurs
    return {"type": "content_block_delta", "index": key[0], "delta": {"type": key[1], _BLOCKS[key[1]]: text}}


def _response_key(event: Event, base: str) -> Key:
    return (base, *(event.get(name) for name in ("item_id", "output_index", "content_index", "summary_index")))


def _of_response(event: Event) -> Iterator[Piece]:
    base, _, kind = str(event.get("type", "")).rpartition(".")
    if kind == "delta" and isinstance(event.get("delta"), str):
        yield Piece(_response_key(event, base), event, "delta", source=base in _ARGUMENTS)


def _response_ends(event: Event, key: Key) -> bool:
    base, _, kind = str(event.get("type", "")).rpartition(".")
    if base == "response" and kind in ("completed", "incomplete", "failed", "cancelled"):
        return True
    if base == "response.output_item" and kind == "done":
        return bool(event.get("output_index") == key[2])
    return kind == "done" and _response_key(event, base) == key


def _response_spelled(event: Event, key: Key, text: str) -> Event:
    names = ("item_id", "output_index", "content_index", "summary_index")
    at = {name: value for name, value in zip(names, key[1:], strict=True) if value is not None}
    logprobs: Event = {"logprobs": []} if key[0] == "response.output_text" else {}
    return {
        "type": f"{key[0]}.delta", "sequence_number": event.get("sequence_number", 0), **at, "delta": text, **logprobs,
    }  # fmt: skip


_OPENAI = Surface(
    pieces=_of_choices,
    ends=_choice_ends,
    spelled=_choice_spelled,
    is_answer=lambda key: key in ((0, "content"), (0, "text")),
)
SURFACES: Mapping[Endpoint, Surface] = {
    "chat": _OPENAI,
    "completion": _OPENAI,
    "messages": Surface(
        pieces=_of_blocks, ends=_block_ends, spelled=_block_spelled, is_answer=lambda key: key[1] == "text_delta"
    ),
    "responses": Surface(
        pieces=_of_response,
        ends=_response_ends,
        spelled=_response_spelled,
        is_answer=lambda key: key[0] == "response.output_text",
    ),
}
