"""The words in which models are asked to summarise parts, to answer from summaries, and to polish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployments.graph.language import language
from deployments.nodes.longform.split import blocks, sentences
from deployments.nodes.longform.summary import Summary

EDGE_CHARS = 400
# A paragraph that is longer than this is cut anyway.
_EDGE_SAMPLE = 4 * EDGE_CHARS
_WORDS_PER_TOKEN = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said in one language."""

    summarise: str
    concerning: str
    notes: str
    missing: str
    draft: str


_ENGLISH = Words(
    summarise="Summarise this text in at most {words} words. Keep names, numbers and dates exactly.{concerning}\n\n"
    "{text}",
    concerning=" Keep whatever helps with this request: {question}",
    notes="The text was too long to be read at once. These notes tell what its parts say, in their order. "
    "Work from them alone, and refer to a part by its number in brackets.",
    missing="(this part could not be read)",
    draft="This is a draft of the answer. Write the final answer: improve the wording, keep every fact and every "
    "number in brackets, add nothing.",
)
_CHINESE = Words(
    summarise="请用不超过{words}个字概括下面的文字，准确保留人名、数字和日期。{concerning}\n\n{text}",
    concerning="保留与此要求有关的内容：{question}",
    notes="原文太长，无法一次读完。以下按顺序列出各部分的要点。请只根据这些要点作答，引用时用方括号注明部分的编号。",
    missing="（这一部分未能读取）",
    draft="以下是答案的草稿。请写出最终答案：改进文字，保留所有事实和方括号中的编号，不要添加内容。",
)
_WORDS: Mapping[str, Words] = {"zh": _CHINESE}


def words_for(source: str) -> Words:
    """Return what is said beside *source*."""
    return _WORDS.get(language(source), _ENGLISH)


def edges(source: str) -> tuple[str, str]:
    """Return how the source opens and closes, where people put what they want done with it; "" where that is long."""
    firsts, lasts = _paragraphs(source[:_EDGE_SAMPLE]), _paragraphs(source[-_EDGE_SAMPLE:])
    opening = _short(firsts[0], 0) if firsts else ""
    closing = _short(lasts[-1], -1) if lasts else ""
    return opening, closing if closing != opening else ""


def to_summarise(words: Words, text: str, *, question: str, tokens: int) -> str:
    """Ask for a summary of at most *tokens* tokens."""
    concerning = words.concerning.format(question=question) if question else ""
    room = max(5, int(_WORDS_PER_TOKEN * tokens))
    return words.summarise.format(words=room, concerning=concerning, text=text)


def condensed(words: Words, summaries: Sequence[Summary], *, opening: str, closing: str) -> str:
    """Return what stands in the place of the source: its own beginning and end, and numbered notes between them."""
    notes = (f"[{at}] {one.text or words.missing}" for at, one in enumerate(summaries, 1))
    return "\n\n".join(part for part in (opening, words.notes, *notes, closing) if part)


def to_polish(words: Words, draft: str, *, opening: str, closing: str) -> str:
    """Return what stands in the place of the source when *draft* answers already."""
    return "\n\n".join(part for part in (opening, closing, words.draft, draft) if part)


def _paragraphs(source: str) -> list[str]:
    return [text.strip() for text, _, _ in blocks(source) if text.strip()]


def _short(paragraph: str, which: int) -> str:
    if len(paragraph) <= EDGE_CHARS:
        return paragraph
    sentence = list(sentences(paragraph))[which].strip()
    return sentence if len(sentence) <= EDGE_CHARS else ""
