"""What a prompt is taken for, and what that costs."""

from __future__ import annotations

import json
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.features import read_prompt
from deployments.graph.language import language
from deployments.graph.reading import END_CHARS, LEAD_CHARS, START_CHARS, TAIL_CHARS, read
from deployments.graph.subject import Subject
from deployments.graph.tokens import estimate_tokens
from deployments.request import Request
from tests.deployments.scripted import chat, context

PROMPTS = [json.loads(line) for line in (Path(__file__).parents[2] / "data" / "tasks.jsonl").read_text().splitlines()]
AUTO_THRESHOLD = 0.35


def subject(prompt: str) -> Subject:
    return Subject(chat(prompt), context())


def accuracy(split: str) -> float:
    rows = [row for row in PROMPTS if row["split"] == split]
    return sum(subject(row["prompt"]).task.task == row["task"] for row in rows) / len(rows)


def test_the_labelled_prompts_cover_every_task_in_both_languages() -> None:
    """Accuracy is only worth what it is measured on."""
    assert len({row["prompt"] for row in PROMPTS}) == len(PROMPTS) >= 120
    covered = {(row["split"], row["task"], row["language"]) for row in PROMPTS}
    assert len(covered) == 2 * 6 * 2


def test_tasks_of_prompts_that_the_rules_were_made_from() -> None:
    """The rules fit what they were written for."""
    assert accuracy("tune") >= 0.97


def test_tasks_of_prompts_that_the_rules_never_saw() -> None:
    """Prompts written after the rules are what a stranger's prompt is like."""
    assert accuracy("held") >= 0.8


def test_a_guess_other_than_chat_is_rarely_wrong() -> None:
    """Where the rules miss they fall back to chat; they seldom send a prompt to the wrong specialist."""
    guesses = [(subject(row["prompt"]).task.task, row["task"]) for row in PROMPTS]
    named = [(guess, task) for guess, task in guesses if guess != "chat"]
    assert sum(guess == task for guess, task in named) / len(named) >= 0.97


def test_language_of_the_labelled_prompts() -> None:
    """English and Chinese are told apart, also where one quotes the other."""
    right = sum(subject(row["prompt"]).language == row["language"] for row in PROMPTS)
    assert right / len(PROMPTS) >= 0.97


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("¿Cómo está el tiempo en Madrid y qué puedo hacer?", "es"),
        ("Comment est-ce que je peux apprendre le français?", "fr"),
        ("Wie ist das Wetter und was kann ich heute machen?", "de"),
        ("東京の天気はどうですか", "ja"),
        ("오늘 날씨가 어때요?", "ko"),
        ("Какая сегодня погода?", "ru"),
        ("Who was Cleopatra?", "en"),
        ("1234 ?!", "other"),
        ("", "other"),
    ],
)
def test_other_languages(text: str, code: str) -> None:
    """Scripts decide first, then common words; a text without letters is in no language."""
    assert language(text) == code


@pytest.mark.parametrize("greeting", ["hi there", "你好", "Hello!", "早上好"])
@pytest.mark.parametrize(
    "work",
    [
        "Write a Python function that merges two sorted lists",
        "用Python写一个快速排序",
        "Prove that the square root of 2 is irrational",
        "计算 345 × 27",
    ],
)
def test_work_scores_above_a_greeting(greeting: str, work: str) -> None:
    """Code and mathematics lie on the far side of the default graph's threshold."""
    assert subject(greeting).complexity.score < AUTO_THRESHOLD <= subject(work).complexity.score


@given(st.text(max_size=400))
def test_any_text_gets_a_score_that_its_parts_explain(text: str) -> None:
    """The score is in [0, 1], is the sum of its named parts, and is the same every time."""
    first, again = subject(text), subject(text)
    assert 0.0 <= first.complexity.score <= 1.0
    assert first.complexity.score == pytest.approx(min(1.0, sum(first.complexity.parts.values())))
    assert (first.task, first.complexity, first.language) == (again.task, again.complexity, again.language)


@given(st.text(max_size=200), st.text(max_size=200))
def test_longer_prompts_never_count_fewer_tokens(one: str, other: str) -> None:
    """The estimate grows with the text, and stays between a byte count and nothing."""
    assert estimate_tokens(one) <= estimate_tokens(one + other) <= len((one + other).encode("utf-8", "replace")) + 1


def test_tokens_of_wide_scripts_count_one_a_character() -> None:
    """A Chinese character is about a token, four English letters are."""
    assert estimate_tokens("你好世界") == 4
    assert estimate_tokens("abcdefgh") == 2


@pytest.mark.parametrize("filler", ["what is the ", "SELECT ", "1 - ", "a_", "((((", "say ", "你好", " ", "\n", "```"])
def test_the_cost_of_a_prompt_is_bounded(filler: str) -> None:
    """Rules look at a bounded part of the prompt, whatever it is made of."""
    reading = read(read_prompt(chat(filler * 100_000)))
    assert len(reading.text) <= START_CHARS + END_CHARS + 3
    assert len(reading.ask) <= LEAD_CHARS + TAIL_CHARS + 1


@pytest.mark.parametrize("filler", ["what is the ", "SELECT ", "1 - ", "a_", "((((", "say ", "aA", "in english "])
def test_cost_grows_no_faster_than_length(filler: str) -> None:
    """No pattern backtracks over the whole text: twice the text costs far less than quadratic growth would."""

    def cost_s(length: int) -> float:
        text = (filler * length)[:length]
        times = []
        for _ in range(15):
            began = thread_time()
            one = subject(text)
            assert one.task
            assert one.complexity
            times.append(thread_time() - began)
        return min(times)

    assert cost_s(2400) < 12 * max(cost_s(600), 2e-5)


@pytest.mark.parametrize(
    ("body", "text", "token_ids"),
    [
        ({"prompt": "ab"}, "ab", 0),
        ({"prompt": ["a", "b"]}, "a\nb", 0),
        ({"prompt": [1, 2, 3]}, "", 3),
        ({"prompt": [[1, 2], [3]]}, "", 3),
        ({}, "", 0),
        ({"prompt": 7}, "", 0),
    ],
)
def test_prompts_of_completions(body: dict[str, object], text: str, token_ids: int) -> None:
    """Every shape that the wire allows is read, and any other counts as nothing."""
    prompt = read_prompt(Request(endpoint="completion", model="", body=body))
    assert (prompt.text, prompt.token_ids) == (text, token_ids)


def test_prompts_of_chats() -> None:
    """All messages are the text; the last user turn is the question; parts are counted by what they are."""
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": parts},
        {"role": "tool", "content": "42"},
        "not a message",
    ]
    prompt = read_prompt(Request(endpoint="chat", model="", body={"messages": messages, "tools": [{}]}))
    assert prompt.text == "be brief\nhi\n\nwhat is it?\n42"
    assert (prompt.question, prompt.turns, prompt.images, prompt.tools) == ("what is it?", 2, 1, 1)
    assert prompt.features == {"images", "tools"}
