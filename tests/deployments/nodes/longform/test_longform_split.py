"""Splitting a long text: the parts tile it, fit, and follow its structure."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.graph.tokens import estimate_tokens
from deployments.nodes.longform.split import blocks, sentences, split

WORDS = st.sampled_from([
    "word", "a", " ", "  ", "\n", "\n\n", ". ", "? ", "...", '."', "\t", "\r\n", "1. ", "- item\n", "x" * 90,
    "# Title\n", "## 二级标题\n", "第三章 海洋\n", "```\n", "~~~py\n", "    code()\n",
    "。", "！”", "中文没有空格", "中" * 50, "é", "𝒳", "👩\u200d👩\u200d👧", "\ud800",
])  # fmt: skip
laws = settings(deadline=None)
SOURCES = st.lists(WORDS, max_size=60).map("".join)


@laws
@given(SOURCES, st.integers(2, 80))
def test_parts_tile_the_source(source: str, limit: int) -> None:
    """Every byte of the source is in one part, in order, and a part's bytes are its text."""
    data = source.encode("utf-8", "surrogatepass")
    at = 0
    for part in split(source, limit):
        assert part.start == at < part.end
        assert data[part.start : part.end].decode("utf-8", "surrogatepass") == part.text
        at = part.end
    assert at == len(data)


@laws
@given(SOURCES, st.integers(2, 80))
def test_no_part_is_longer_than_it_may_be(source: str, limit: int) -> None:
    """A part's estimate holds for its text and is within the limit; two neighbours would not have fitted into one."""
    parts = split(source, limit)
    assert all(estimate_tokens(part.text) <= part.tokens <= limit for part in parts)


@laws
@given(SOURCES)
def test_blocks_and_sentences_lose_nothing(source: str) -> None:
    """What is cut is the text, no more and no less."""
    assert "".join(text for text, _, _ in blocks(source)) == source
    assert "".join(sentences(source)) == source


def test_sections_begin_parts() -> None:
    """A heading begins a part where the one before is half full."""
    body = "Sentence number one is here. " * 8
    source = "".join(f"# Section {at}\n\n{body}\n\n" for at in range(4))
    parts = split(source, 100)
    assert [part.text.split("\n")[0] for part in parts] == [f"# Section {at}" for at in range(4)]


@pytest.mark.parametrize("limit", [40, 60, 80, 100])
def test_a_heading_stays_with_what_it_heads(limit: int) -> None:
    """A part never ends with a heading whose section is in the next one."""
    source = ("A paragraph of some length, which fills a part. " * 3 + "\n\n## Next\n\n### And next\n\n") * 6
    assert not any(part.text.strip().endswith("ext") for part in split(source, limit)[:-1])


def test_paragraphs_are_whole_where_they_fit() -> None:
    """Parts end after paragraphs."""
    paragraphs = [f"Paragraph {at} says something. It says it twice." for at in range(30)]
    ends = {part.text.rstrip()[-len("It says it twice.") :] for part in split("\n\n".join(paragraphs), 50)}
    assert ends == {"It says it twice."}


@pytest.mark.parametrize(
    ("one", "end"), [("This sentence has seven words in it. ", "."), ("这是一个完整的句子。", "。")]
)
def test_a_long_paragraph_ends_parts_after_sentences(one: str, end: str) -> None:
    """In English and in Chinese, a paragraph longer than a part is cut between sentences."""
    assert all(part.text.rstrip().endswith(end) for part in split(one * 60, 70))


def test_code_is_whole_where_it_fits_and_cut_after_lines_where_not() -> None:
    """Blank lines and headings inside a fence are code."""
    short = "```python\n# not a heading\n\nx = 1\n\n\ny = 2\n```\n"
    parts = split("Words before the code. " * 6 + "\n\n" + short + "\nWords after. " * 6, 40)
    assert any(short.strip() in part.text for part in parts)
    long = "```\n" + "".join(f"line_{at} = compute({at})\n" for at in range(60)) + "```\n"
    assert all(part.text.endswith("\n") for part in split(long, 40))


def test_a_text_without_any_structure_is_cut_between_words() -> None:
    """Nothing but words: no word is torn."""
    words = " ".join(f"w{at}" for at in range(500))
    assert all(part.text.endswith(" ") for part in split(words, 50)[:-1])


@pytest.mark.parametrize("unit", [".", "\n", " ", "a", "中", "。", "```\n", "# x\n", ". ", "....a", "1. \n"])
def test_takes_time_linear_in_the_length(unit: str) -> None:
    """Text made to be slow is as fast as any: eight times the length takes nothing like 64 times as long."""
    took = [min(_timed(unit, size) for _ in range(3)) for size in (50_000, 400_000)]
    assert took[1] < 30 * took[0] + 0.1


def _timed(unit: str, chars: int) -> float:
    source = unit * (chars // len(unit))
    before = time.perf_counter()
    split(source, 500)
    return time.perf_counter() - before
