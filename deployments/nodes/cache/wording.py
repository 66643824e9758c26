"""The words of a question that say what it is about, so that two that differ in any other are told from each other.

What people put around them is left out: articles, courtesies, forms of "do". Their order counts, since vectors hardly
see it: dogs chase cats, cats chase dogs. In Chinese signs stand for words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.graph.reading import word_set
from deployments.nodes.cache.particular_words import CHINESE_NEGATIONS, NEGATIONS, NUMBERS

_LATIN = r"[^\W\d_\u2e80-\uffff]"
_TOKEN = re.compile(rf"\d+(?:[.,:/]\d+)*%?|{_LATIN}+(?:['’]{_LATIN}+)*[+#]*|<[a-z_]+_\d+>|[^\W_]|[%$€£+*/=<>^-]")
_COURTESY = re.compile(
    r"^(?:(?:please|kindly|hello|hi|hey|(?:can|could|would|will) you|i (?:would like|want|need) to know|"
    r"i'd like to know|tell me|let me know|do you know)[ ,]+)+"
)
_HOW = re.compile(r"\bhow (?:do|can|could|should|would) (?:i|you|we|one)\b|\bhow to\b")
_AROUND = word_set("a an the of is are am be been being do does it its just so also please thanks kindly there")
_OTHERWISE = {
    "which": "what", "what's": "what", "who's": "who", "how's": "how", "where's": "where", "it's": "it", "i'm": "i",
    "me": "i", "my": "i", "we": "i", "us": "i", "our": "i", "your": "you", "were": "was", "did": "was",
}  # fmt: skip
_CHINESE_AROUND = re.compile("请问|请|麻烦|帮我|给我|告诉我|我想知道|一下|[的了吗呢吧啊呀]")
_CHINESE_OTHERWISE = (
    (re.compile("怎么样|怎么|怎样|如何"), "怎"),
    (re.compile("哪里|哪儿|哪一|哪些|哪个|哪"), "哪"),
    (re.compile("什么"), "甚"),
    (re.compile("多少|几"), "几"),
    (re.compile("可以|能够|能"), "能"),
)
_LEAST_PLURAL = 4


def wording(text: str) -> tuple[str, ...]:
    """Return them in the order of *text*, which is canonical; time grows with its length alone."""
    plain = _HOW.sub("how", _COURTESY.sub("", text.lower().replace("’", "'")))
    plain = _CHINESE_AROUND.sub("", plain)
    for others, one in _CHINESE_OTHERWISE:
        plain = others.sub(one, plain)
    return tuple(word for token in _TOKEN.findall(plain) for word in _of(token))


def _of(word: str) -> Iterator[str]:
    if word[0].isdigit():
        yield word.replace(",", "")
    elif word.endswith("n't") or word in NEGATIONS or word in CHINESE_NEGATIONS:
        yield "not"
    elif word in NUMBERS:
        yield NUMBERS[word]
    elif word not in _AROUND:
        yield _OTHERWISE.get(word) or _singular(word.removesuffix("'s"))


def _singular(word: str) -> str:
    plural = len(word) >= _LEAST_PLURAL and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word
