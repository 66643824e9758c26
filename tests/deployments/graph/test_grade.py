"""What is read from a judge's words."""

from __future__ import annotations

import time

import pytest

from deployments.graph.grade import score_in


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("8", 0.8),
        (" 10\n", 1.0),
        ("0", 0.0),
        ("7.5", 0.75),
        ("0.85", 0.85),
        ("1.0", 1.0),
        ("8/10", 0.8),
        ("4 / 5", 0.8),
        ("85%", 0.85),
        ("I would give it 6 out of 10.", 0.6),
        ("Score: 9", 0.9),
        ("**Score**: 9", 0.9),
        ('{"score": 3}', 0.3),
        ("There are 2 mistakes. Score: 4.", 0.4),
        ("The answer names 3 rivers, so I rate it 7.", 0.7),
        ("评分：9", 0.9),
        ("8分", 0.8),
        ("得分 7/10", 0.7),
        ("我给这个回答打分：6 分", 0.6),
        ("<think>maybe 3, no, 4</think>9", 0.9),
        ("7\n\nBecause it is mostly right.", 0.7),
    ],
)
def test_reads_a_score(reply: str, score: float) -> None:
    """Judges are told to reply with a number, and often do so at length."""
    assert score_in(reply) == pytest.approx(score)


@pytest.mark.parametrize(
    "reply",
    ["", "Good.", "-3", "11", "1000", "12/10", "3/0", "120%", "<think>8", "GPT4 says nothing", "2024-05-01T00:00"],
)
def test_reads_none(reply: str) -> None:
    """What is out of range, or no score, is not guessed at."""
    assert score_in(reply) is None


def test_reading_is_linear() -> None:
    """A judge that rambles keeps nobody waiting."""
    began_s = time.process_time()
    for text in ("9" * 200_000, "score " * 50_000, "1." * 100_000, "<think>" * 50_000, "9/" * 100_000):
        score_in(text)
    assert time.process_time() - began_s < 2.0
