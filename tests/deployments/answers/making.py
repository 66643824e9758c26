"""Answers for tests."""

from __future__ import annotations

from typing import Any

from deployments.answers.kept import Kept, Since
from deployments.answers.memory import ALONE
from deployments.request import Frame, Head

NOON_S = 1_772_452_800.0
KEY = b"k" * 32


def kept(text: str = "hello", *, since: Since = ALONE, **changed: Any) -> Kept:
    """Return an answer that is fresh for a minute after noon."""
    data = f'data: {{"id":"chatcmpl-r1","created":1,"text":"{text}"}}\n\n'.encode()
    frames = (Frame(data=data, text=text, tokens=1, prompt_tokens=3, finish_reason="stop", ids=(7,), logprob=-0.5),)
    given = {
        "head": Head(model="dense", path=("c", "dense"), replica="dense#0", notes={"split": "a"}),
        "frames": frames,
        "fresh_until_s": NOON_S + 60,
        "until_s": NOON_S + 60,
        "since": since,
        "labels": ("tenant=acme", "model=dense", "tag=t1"),
        "call_id": "r1",
        "arms": (("a", "b"),),
    }
    return Kept(**{**given, **changed})
