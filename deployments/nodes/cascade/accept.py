"""Is an answer good enough? Said as early as what has been held allows, and the same for the same tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from deployments.nodes.cascade.held import Held
from deployments.nodes.cascade.refusal import OPENING_CHARS, refuses
from deployments.nodes.cascade.schema import objection
from deployments.nodes.cascade.spec import Accept


class Verdict(NamedTuple):
    """Whether the answer is good enough, and what that was judged by."""

    accepted: bool
    why: str


Schema = Mapping[str, Any] | None
Criterion = Callable[[Accept, Held, Schema], Verdict | None]


def judged(accept: Accept, held: Held, schema: Schema) -> Verdict | None:
    """Judge what is *held*, None while it cannot be told; *schema* is what the request asks the answer to meet.

    One criterion that fails decides; a judge node is asked by others, once everything here holds of the whole answer.
    """
    pending = accept.judge is not None and not held.ended
    why: list[str] = []
    for name in accept.criteria():
        verdict = _CRITERIA[name](accept, held, schema)
        if verdict is None:
            pending = True
        elif not verdict.accepted:
            return verdict
        elif verdict.why:
            why.append(verdict.why)
    return None if pending else Verdict(accepted=True, why=", ".join(why))


def sure_enough(name: str, total: float, tokens: int, least: float) -> Verdict:
    """Judge the mean of *total* over *tokens*."""
    mean = total / tokens
    accepted = mean >= least
    return Verdict(accepted, f"{name} {mean:.2f} {'>=' if accepted else '<'} {least:g} after {tokens} tokens")


def _mean_logprob(accept: Accept, held: Held, _: Schema) -> Verdict | None:
    if held.window is None or not held.window.told:
        return _unsure("mean_logprob", held)
    return sure_enough("mean_logprob", held.window.logprob, held.window.tokens, accept.mean_logprob or 0.0)


def _margin(accept: Accept, held: Held, _: Schema) -> Verdict | None:
    if held.window is None or not held.window.told:
        return _unsure("margin", held)
    return sure_enough("margin", held.window.margin, held.window.tokens, accept.margin or 0.0)


def _unsure(name: str, held: Held) -> Verdict | None:
    return None if held.window is None else Verdict(accepted=True, why=f"{name} not told")


def _min_tokens(accept: Accept, held: Held, _: Schema) -> Verdict | None:
    least = accept.min_tokens or 0
    if held.tokens >= least:
        return Verdict(accepted=True, why="")
    return Verdict(accepted=False, why=f"{held.tokens} tokens < min_tokens {least}") if held.ended else None


def _max_tokens(accept: Accept, held: Held, _: Schema) -> Verdict | None:
    most = accept.max_tokens or 0
    if held.tokens > most:
        return Verdict(accepted=False, why=f"more than max_tokens {most}")
    return Verdict(accepted=True, why="") if held.ended else None


def _refusal(_: Accept, held: Held, __: Schema) -> Verdict | None:
    if refuses(held.text):
        return Verdict(accepted=False, why="a refusal")
    return Verdict(accepted=True, why="") if held.ended or len(held.text) >= OPENING_CHARS else None


def _schema(_: Accept, held: Held, schema: Schema) -> Verdict | None:
    if schema is None or held.calls_tools:
        return Verdict(accepted=True, why="")
    if not held.ended:
        return None
    reason = objection(schema, held.text)
    return Verdict(accepted=True, why="meets the schema") if reason is None else Verdict(accepted=False, why=reason)


def _judge(_: Accept, held: Held, __: Schema) -> Verdict | None:
    return Verdict(accepted=True, why="") if held.ended else None


_CRITERIA: Mapping[str, Criterion] = {
    "mean_logprob": _mean_logprob,
    "margin": _margin,
    "min_tokens": _min_tokens,
    "max_tokens": _max_tokens,
    "refusal": _refusal,
    "schema": _schema,
    "judge": _judge,
}
