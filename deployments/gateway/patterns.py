"""How much a regular expression, or a grammar in the same notation, repeats: what following it costs an engine.

An engine keeps every way in which a text so far could have been read. Repetitions within repetitions multiply these
ways, and each token of every stream in the batch then waits for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 16_384
MAX_REPETITIONS = 64
MAX_COUNT = 10_000
MAX_NESTED = 1_000

# A class that is never closed takes the rest: to look for its end from every bracket would take quadratic time.
_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]?|\(\?[:=!<P]*|\{(\d*)(,?)(\d*)\}|.", re.DOTALL)
_CLOSE = ")"
_UNBOUNDED, _OPTIONAL = 30, 2
_MAX_DIGITS = 9


@dataclass(slots=True)
class _Level:
    """One pair of parentheses: the weight of its heaviest part, and of the part that was read last."""

    heaviest: int = 1
    last: int = 1


def objection(pattern: str, most: int = MAX_REPETITIONS) -> str | None:
    """Say why following *pattern* would cost too much, None where it would not; takes time linear in its length."""
    if len(pattern) > MAX_CHARS:
        return f"is longer than {MAX_CHARS} characters"
    levels, repetitions = [_Level()], 0
    for token in _TOKEN.finditer(pattern):
        weight = _weight(token)
        if weight is None:
            _read(levels, token[0])
            continue
        repetitions += 1
        inner = levels[-1].last
        levels[-1].last = inner * weight
        levels[-1].heaviest = max(levels[-1].heaviest, levels[-1].last)
        if weight > MAX_COUNT:
            return f"repeats a part {weight} times; {MAX_COUNT} is the most"
        if inner > 1 and levels[-1].last > MAX_NESTED:
            return f"repeats within repetitions, about {levels[-1].last} times in all; {MAX_NESTED} is the most"
    if repetitions > most:
        return f"has {repetitions} repetitions; {most} is the most"
    return None


def _read(levels: list[_Level], token: str) -> None:
    """Follow parentheses; anything else is one part of weight one."""
    if token.startswith("("):
        levels.append(_Level())
    elif token == _CLOSE and len(levels) > 1:
        group = levels.pop().heaviest
        levels[-1].last = group
        levels[-1].heaviest = max(levels[-1].heaviest, group)
    elif not token.isspace():
        levels[-1].last = 1


def _weight(token: re.Match[str]) -> int | None:
    """Return how often *token* repeats the part before it, None where it is no repetition."""
    if token[0] in ("*", "+"):
        return _UNBOUNDED
    if token[0] == "?":
        return _OPTIONAL
    if token[1] is None or not (token[1] or token[3]):
        return None
    low, high = _count(token[1]), _count(token[3])
    return max(high, low, 1) if high or not token[2] else max(low, _UNBOUNDED)


def _count(digits: str) -> int:
    return int(digits[:_MAX_DIGITS] or 0) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS
