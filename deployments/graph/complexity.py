"""Score how hard a request looks, in [0, 1], as a sum of named contributions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from deployments.graph.features import Prompt
from deployments.graph.reading import Reading, word_set

TASK_BASE: Mapping[str, float] = {
    "chat": 0.05, "translation": 0.2, "summary": 0.25, "extraction": 0.25, "math": 0.4, "code": 0.42,
}  # fmt: skip

_REASONING_WORDS = word_set(
    "why prove explain compare contrast analyze analyse derive design optimize optimise evaluate implications "
    "tradeoffs architecture critique justify hypothesis strategy debug refactor"
)
_REASONING_PHRASES = (
    "step by step", "trade-off", "pros and cons", "为什么", "证明", "分析", "比较", "推导", "设计", "优化", "解释",
    "论证", "权衡", "一步一步", "优缺点",
)  # fmt: skip
_CONSTRAINT_WORDS = word_set("must should only without exactly except ensure unless never always handle")
_CONSTRAINT_PHRASES = (
    "at least", "at most", "no more than", "make sure", "必须", "不能", "至少", "同时", "要求", "不要", "不超过",
    "确保", "并且",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """A score in [0, 1], and what each part of the request added to it."""

    score: float
    parts: Mapping[str, float]

    def explain(self) -> str:
        """Say the contributions in one line."""
        return ", ".join(f"{name} +{value:.3f}" for name, value in self.parts.items())


def complexity(prompt: Prompt, reading: Reading, task: str, prompt_tokens: int) -> Complexity:
    """Return the score of a prompt whose task and length are known."""
    parts = {
        f"task {task}": TASK_BASE[task],
        "length": _length(prompt_tokens),
        "reasoning": _share(_count(reading, _REASONING_WORDS, _REASONING_PHRASES), 0.08, 0.24),
        "constraints": _share(_count(reading, _CONSTRAINT_WORDS, _CONSTRAINT_PHRASES), 0.03, 0.12),
        "questions": _share(reading.text.count("?") + reading.text.count("？") - 1, 0.03, 0.09),
        "turns": _share(prompt.turns - 1, 0.02, 0.1),
        "tools": 0.1 if prompt.tools else 0.0,
        "images": 0.1 if prompt.images else 0.0,
    }
    return Complexity(score=min(1.0, sum(parts.values())), parts={name: part for name, part in parts.items() if part})


def _length(prompt_tokens: int) -> float:
    """Grow with each doubling over 16 tokens, up to 0.25 at 4096."""
    return 0.25 * min(1.0, math.log2(max(1.0, prompt_tokens / 16)) / 8)


def _count(reading: Reading, words: frozenset[str], phrases: tuple[str, ...]) -> int:
    return len(words & reading.ask_words) + sum(phrase in reading.ask for phrase in phrases)


def _share(count: int, each: float, most: float) -> float:
    return min(most, each * max(0, count))
