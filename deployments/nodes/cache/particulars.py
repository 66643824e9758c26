"""What must be the same in two questions, however alike their vectors are: numbers, names, negations and opposites.

Embeddings hardly see them: "with 3 eggs" lies beside "with 4 eggs". They are told by rules, in English and Chinese. A
rule that takes too much for a particular costs an answer that could have been given; one that misses something lets a
wrong answer through. Names in lower case, and Chinese ones, are not told from other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.nodes.cache.particular_words import (
    CHINESE_NEGATIONS,
    CHINESE_PARTICULARS,
    NEGATIONS,
    NUMBERS,
    OPPOSITES,
    ORDINARY,
    STARTERS,
)

_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*|[A-Za-z][A-Za-z0-9+#]*(?:['’\-][A-Za-z0-9]+)*|<[A-Z_]+_\d+>|[\u4e00-\u9fff〇]+")


def particulars(text: str) -> tuple[str, ...]:
    """Return them in the order of *text*, which is canonical; time grows with its length alone."""
    tokens = _TOKEN.findall(text)
    chinese = any(token[0] > "\u2e80" for token in tokens)
    return tuple(found for token in tokens for found in _of(token, chinese=chinese))


def _of(token: str, *, chinese: bool) -> Iterator[str]:
    if token[0].isdigit():
        yield token.replace(",", "")
    elif token[0] == "<":  # the placeholder of a redaction
        yield token
    elif token[0] > "\u2e80":
        yield from map(_sign, CHINESE_PARTICULARS.findall(ORDINARY.sub(" ", token)))
    else:
        yield from _latin(token, chinese=chinese)


def _sign(found: str) -> str:
    return "not" if found in CHINESE_NEGATIONS else NUMBERS.get(found) or found


def _latin(token: str, *, chinese: bool) -> Iterator[str]:
    """Yield a word that is one; in a Chinese text every Latin one is a name."""
    word = token.lower().replace("’", "'")
    if word.endswith("n't") or word.replace("'", "") in NEGATIONS or word.startswith("non-"):
        yield "not"
    elif word in NUMBERS:
        yield NUMBERS[word]
    elif word in OPPOSITES:
        yield word
    elif word.split("'")[0] not in STARTERS and (chinese or any(_marks_a_name(sign) for sign in token)):
        yield word.removesuffix("'s")


def _marks_a_name(sign: str) -> bool:
    return sign.isupper() or sign.isdigit() or sign in "+#"
