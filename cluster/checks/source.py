"""Where checkpoints come from: a demo that exists, a folder that is there, or a Hugging Face id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.strict import nearest

DEMO = ("demo/dense", "demo/moe", "demo/distilled")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def sourceless(parts: Parts, exists: Callable[[str], bool]) -> Iterator[Problem]:
    """Find sources that are certain to give no checkpoint; synthetic engines load none."""
    for name, model in parts.models.items():
        rule = _rule(model.source, exists) if model.runtime == "vllm" else None
        if rule and parts.sound("models", name, "runtime"):
            message = f"{shown(model.source)} {rule}"
            yield Problem(path=path_of(("models", name, "source")), message=message, value=model.source)


def _rule(source: str, exists: Callable[[str], bool]) -> str | None:
    if source.startswith("demo/"):
        return None if source in DEMO else f"is not a demo checkpoint; {nearest(source, DEMO)}"
    if source.startswith(("/", ".", "~")):
        return None if exists(source) else "does not exist on this machine"
    if _HUB.fullmatch(source) or exists(source):
        return None
    return "is neither a folder nor a Hugging Face id such as org/name"
