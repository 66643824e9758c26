"""Read from a request what a synthetic engine needs, and refuse what a real engine would refuse."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from deployments.engines.synthetic_bodies import GENERATING
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import ContextTooLong, Invalid
from deployments.request import Request
from deployments.resumable import check_resume

_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_NARROW = 4

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request as a synthetic engine sees it; ``seed`` is the same for the same prompt.

    ``begun`` are the tokens that another engine delivered, of the ``output_tokens`` in all.
    """

    prompt: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    include_usage: bool
    seed: int
    confidence: float
    begun: int = 0


def pieces(text: str) -> list[str]:
    """Cut by rule: a CJK character is one token, of all else four characters are; never none."""
    wide = _WIDE.findall(text)
    narrow = _WIDE.sub("", text) if wide else text
    return [*wide, *(narrow[at : at + _NARROW] for at in range(0, len(narrow), _NARROW))] or [""]


def count_tokens(text: str) -> int:
    """Count what ``pieces`` would return."""
    wide = len(_WIDE.findall(text))
    return max(1, wide + math.ceil((len(text) - wide) / _NARROW))


def read(request: Request, spec: SyntheticSpec, *, before: str = "") -> Ask:
    """Return what *request* asks of an engine like *spec*; *before* is what was said earlier.

    Raises Invalid or ContextTooLong, each naming the field.
    """
    body = parsed(request.body, GENERATING[request.endpoint])
    if body.n not in (None, 1):
        raise Invalid(f"n: {body.n} is not supported by a synthetic engine; send the request {body.n} times", param="n")
    field, said = body.prompt()
    prompt = before + (said if isinstance(said, str) else " ".join(map(str, said)))
    tokens = count_tokens(prompt) if isinstance(said, str) else len(said)
    limit_field, limit = body.limit()
    room = _room(field, tokens, limit_field, limit, context=min(spec.max_model_len, spec.kv_tokens - 1))
    natural = limit if body.ignore_eos and limit else spec.output_tokens
    output = min(natural, room, limit or natural)
    return Ask(
        prompt=prompt,
        prompt_tokens=tokens,
        output_tokens=output,
        finish_reason="length" if output < spec.output_tokens or body.ignore_eos else "stop",
        include_usage=request.stream and body.include_usage,
        seed=seed_of(f"{spec.seed}{request.adapter}\n{prompt}"),
        confidence=spec.confidence,
        begun=min(_begun(request), output),
    )


def _begun(request: Request) -> int:
    """Return how many tokens were delivered before; another model's text is read as a word a token."""
    check_resume(request)
    resume = request.resume
    return 0 if resume is None else len(resume.ids) or len(resume.text.split())


def seed_of(text: str) -> int:
    """Return a number that follows from *text*, in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def parsed(body: Any, kind: type[Body]) -> Body:
    """Return *body* as a *kind*; raises an Invalid that names the field at fault."""
    try:
        return msgspec.convert(dict(body), kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _invalid(message: str) -> Invalid:
    at = _AT.search(message)
    missing = re.search(r"required field `(\w+)`", message)
    path = ".".join(part for part in (at[1] if at else "", missing[1] if missing else "") if part)
    reason = _AT.sub("", message)
    return Invalid(f"{path}: {reason}" if path else reason, param=path or None)


def _room(field: str, tokens: int, limit_field: str, limit: int | None, *, context: int) -> int:
    """Return how many tokens may be generated; as in vLLM, a limit below the context is cut to what is left of it."""
    if tokens >= context:
        raise ContextTooLong(
            f"{field}: {tokens} prompt tokens do not fit the model's context of {context}; shorten the prompt",
            param=field,
        )
    if limit is not None and limit > context:
        raise ContextTooLong(
            f"{limit_field}: {limit} is more than the model's context of {context}; ask for fewer tokens",
            param=limit_field,
        )
    return context - tokens
