"""Tell the language of a text by its script, and within the Latin script by its commonest words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deployments.graph.reading import word_set

SAMPLE_CHARS = 1000

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "ja": re.compile(r"[\u3041-\u30ff]"),
    "ko": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
}
_LATIN_WORD = re.compile(r"[a-zà-öø-ÿ]+")
# Characters that carry about as much as one word of a language written with spaces.
_CHARS_PER_WORD: Mapping[str, float] = {"zh": 1.5, "ja": 2.0, "ko": 3.0, "th": 4.0}
_ALPHABETIC_CHARS_PER_WORD = 5.0
# A question in another script often quotes English or code at length; the other way round it rarely does.
_QUOTING = 2.0
_COMMON: Mapping[str, frozenset[str]] = {
    "en": word_set("the of and to is in what how a for you it that write with on are this my an be"),
    "es": word_set("el los las una que por para con es cómo qué del está como un y cuál mi se escribe"),
    "fr": word_set("le les des une est que pour dans avec comment quel quelle et du un vous je ce sur écris"),
    "de": word_set("der die das und ist wie ein eine für mit nicht auf ich was den zu von bitte schreibe im"),
    "pt": word_set("o os uma que para com é como não um do da em você qual por está e escreva seu"),
    "it": word_set("il gli una che per con è come di un della sono qual non del e scrivi mi questo le"),
}


def language(text: str) -> str:
    """Return the ISO 639-1 code of the language that most of the text's start is in, or ``other``.

    Text in Latin letters without a telling word is taken for English.
    """
    sample = text[:SAMPLE_CHARS].lower()
    words = _LATIN_WORD.findall(sample)
    weights = {} if sample.isascii() else _script_weights(sample)
    best = max(weights, key=lambda code: weights[code], default="")
    if best and _QUOTING * weights[best] > len(words):
        return best
    return _latin(words) if words else "other"


def _script_weights(sample: str) -> dict[str, float]:
    """Return about how many words each script contributes; Chinese characters beside kana are Japanese."""
    counts = {code: len(pattern.findall(sample)) for code, pattern in _SCRIPTS.items()}
    if counts["ja"]:
        counts["ja"] += counts["zh"]
        counts["zh"] = 0
    return {
        code: count / _CHARS_PER_WORD.get(code, _ALPHABETIC_CHARS_PER_WORD) for code, count in counts.items() if count
    }


def _latin(words: list[str]) -> str:
    hits = {code: sum(word in common for word in words) for code, common in _COMMON.items()}
    best = max(hits, key=lambda code: hits[code])
    return best if hits[best] > max(1, hits["en"]) else "en"
