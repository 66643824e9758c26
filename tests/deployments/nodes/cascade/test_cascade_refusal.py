"""Which openings are refusals, in English and Chinese."""

from __future__ import annotations

import time

import pytest

from deployments.nodes.cascade.refusal import refuses

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I cannot assist with this request.",
    "Sorry, I can't do that.",
    "I cannot provide medical advice.",
    "I am unable to answer that question.",
    "I'm not able to access the internet.",
    "I won't help you write that.",
    "As an AI language model, I don't have personal opinions.",
    "As a language model, I cannot browse the web.",
    "I don't know the answer to that.",
    "I do not have access to real-time data.",
    "I'm afraid I can't share that.",
    "I must decline this request.",
    "**I cannot fulfil this request.**",
    "Thank you for asking. I'm not sure what you mean.",
    "很抱歉，我无法回答这个问题。",
    "对不起，我不能提供这方面的帮助。",
    "作为一个人工智能语言模型，我没有个人观点。",
    "我无法访问互联网。",
    "我不知道答案。",
    "我目前没办法回答。",
    "抱歉，这个我不便讨论。",
]

ANSWERS = [
    "",
    "Paris.",
    "You cannot divide by zero.",
    "I can help with that. First, open the settings.",
    "I can't wait to show you: the answer is 42.",
    "The translation of “I cannot help you” is 我帮不了你.",
    'He said "I don\'t know" and left.',
    "A knife cannot cut this, but a saw will.",
    "Sorry for the delay! The capital of France is Paris.",
    "If the engine won't start, check the battery.",
    "As an AI, I find this easy: 12.",
    "不能。这两个数不相等。",
    "他说“我不知道”。",
    "水在零度以下不能保持液态。",
    "无法用整数表示的数叫分数。",
    "对不起的英文是 sorry。",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refuses(text: str) -> None:
    """People and models refuse in a few set phrases."""
    assert refuses(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    """Words of refusal about something else, or in quotes, are no refusal."""
    assert not refuses(text)


def test_only_the_opening_counts() -> None:
    """A long answer may say near its end what it could not find."""
    assert not refuses("The report says a lot. " * 20 + "I cannot provide more.")


def test_takes_no_longer_for_a_long_answer() -> None:
    """A million characters chosen to keep a regular expression busy cost no more than a few hundred."""
    hard = ("I am sorry but I really " * 50_000, "抱歉" * 500_000, "as an ai " * 100_000, '"' * 1_000_000)
    began_s = time.process_time()
    for text in hard:
        refuses(text)
    assert time.process_time() - began_s < 0.5
