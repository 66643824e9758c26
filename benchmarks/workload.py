"""What one measured point sends: how many streams, how many answers each, and prompts that no cache has seen."""

from __future__ import annotations

from random import Random

import msgspec

_WORDS = (
    "river", "copper", "window", "seventeen", "garden", "signal", "winter", "engine", "paper", "mountain", "letter",
    "harbour", "orange", "market", "silver", "planet", "bridge", "candle", "forest", "number", "island", "mirror",
    "pepper", "rocket", "saddle", "temple", "valley", "wagon", "yellow", "zebra", "anchor", "basket",
)  # fmt: skip


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """A closed loop of ``streams`` clients; each sends ``answers`` requests one after the other over one connection.

    Every answer is exactly ``tokens`` long. The same ``seed`` gives the same prompts to every contender. ``key`` is
    shown with each request, where there is one.
    """

    model: str
    streams: int
    answers: int
    tokens: int = 64
    seed: int = 0
    prompt_words: int = 32
    key: str = ""

    def bodies(self) -> list[bytes]:
        """Render every request body, those of one stream next to each other."""
        rng = Random(self.seed)  # noqa: S311 - prompts, no secret
        return [msgspec.json.encode(self._body(rng)) for _ in range(self.streams * self.answers)]

    def _body(self, rng: Random) -> dict[str, object]:
        return chat(self.model, prompt(rng, self.prompt_words), tokens=self.tokens)


def prompt(rng: Random, words: int) -> str:
    """Return words behind a number, so that no two prompts share more than the chat template's own opening."""
    return f"{rng.getrandbits(48)} {' '.join(rng.choice(_WORDS) for _ in range(words))}"


def chat(model: str, text: str, *, tokens: int) -> dict[str, object]:
    """Return the body of a streamed chat whose answer has exactly *tokens* tokens and says so at its end."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
