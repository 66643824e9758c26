"""Cut a long text into parts along its own structure; the parts always tile it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deployments.graph.tokens import estimate_tokens

# A character beyond the basic plane is taken for one and a half tokens.
LEAST_LIMIT = 2

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HEADING = re.compile(
    r" {0,3}#{1,6}\s|<h[1-6]\b|(?:chapter|section|part|book|appendix)\s+[\divxlc]+\b"
    r"|第[一二三四五六七八九十百千零〇\d]{1,6}[章节回部篇卷]|[一二三四五六七八九十]{1,3}、",
    re.IGNORECASE,
)
# Bounded repetitions, or such as a match then consumes: the search takes linear time on any text.
_SENTENCE_END = re.compile(
    r"[.!?…][\"'”’)\]]{0,3}\s+|[。！？；][\"”’」』）]{0,3}\s*|\n(?=[ \t]{0,8}(?:[-*+|•]|\d{1,3}[.)、]))"
)
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a source, which begins and ends at these bytes of its UTF-8; ``tokens`` is never under-estimated."""

    start: int
    end: int
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What is not cut any further; ``opens`` says that a section begins with it."""

    text: str
    tokens: int
    opens: bool


def split(source: str, limit: int) -> list[Part]:
    """Return *source* in parts of at most *limit* estimated tokens, at least two.

    A part ends before a heading where it is half full by then, else after a paragraph or a code block; only what is too
    long by itself is cut after a sentence, or a line of code, and only a sentence that is too long between words.
    """
    parts: list[Part] = []
    at = 0
    for text, tokens in _packed(_leaves(source, limit), limit):
        size = len(text.encode("utf-8", "surrogatepass"))
        parts.append(Part(start=at, end=at + size, text=text, tokens=tokens))
        at += size
    return parts


def blocks(source: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield paragraphs, with the headings before them, and fenced code: the text, has it a heading, is it code.

    Empty lines belong to the block before them.
    """
    block: list[str] = []
    heading = bare = code = blank = False
    fence = ""
    for line in _LINE.findall(source):
        mark = _FENCE.match(line)
        opens = _HEADING.match(line) is not None and not fence
        new = opens or (blank and line.strip())
        if block and not fence and (mark or (new and not bare)):
            yield "".join(block), heading, code
            block, heading, code = [], False, False
        heading = opens if not block else heading
        bare = heading and (opens or not line.strip()) and (bare or not block)
        block.append(line)
        blank = not line.strip()
        if mark and not fence:
            fence, code = mark[1], True
        elif mark and mark[1] == fence:
            fence, blank, bare = "", True, False
    if block:
        yield "".join(block), heading, code


def sentences(block: str) -> Iterator[str]:
    """Yield the sentences and list items of a block, with the white space that follows each."""
    at = 0
    for end in _SENTENCE_END.finditer(block):
        yield block[at : end.end()]
        at = end.end()
    if at < len(block):
        yield block[at:]


def _leaves(source: str, limit: int) -> Iterator[_Leaf]:
    for block, heading, code in blocks(source):
        if (tokens := estimate_tokens(block)) <= limit:
            yield _Leaf(block, tokens, heading)
            continue
        for at, text in enumerate(_windows(block, limit, code=code)):
            yield _Leaf(text, estimate_tokens(text), heading and not at)


def _windows(block: str, limit: int, *, code: bool) -> Iterator[str]:
    """Cut a block that is too long, each time as late as it can be and there is a reason to."""
    at = 0
    while at < len(block):
        window = block[at : at + _CHARS_PER_TOKEN * limit]
        while (tokens := estimate_tokens(window)) > limit:
            window = window[: max(1, min(len(window) - 1, len(window) * limit // tokens))]
        if at + len(window) < len(block):
            window = window[: _end(window, code=code)]
        yield window
        at += len(window)


def _end(window: str, *, code: bool) -> int:
    """Return the last place in the second half that ends a sentence, else a line, else a word; else the end."""
    half = len(window) // 2
    if not code:
        ends = [found.end() for found in _SENTENCE_END.finditer(window, half)]
        if ends:
            return ends[-1]
    for gap in ("\n", " ", "\t", "，", ","):
        if (found := window.rfind(gap, half)) >= 0:
            return found + 1
    return len(window)


def _packed(leaves: Iterable[_Leaf], limit: int) -> Iterator[tuple[str, int]]:
    held: list[str] = []
    tokens = 0
    for leaf in leaves:
        if held and (tokens + leaf.tokens > limit or (leaf.opens and 2 * tokens >= limit)):
            yield "".join(held), tokens
            held, tokens = [], 0
        held.append(leaf.text)
        tokens += leaf.tokens
    if held:
        yield "".join(held), tokens
