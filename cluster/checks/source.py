"""Where checkpoints come from: a demo that exists, a folder that holds a model, or a Hugging Face id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.engines.checkpoints.store import DEMO, DEMOS, HUB_ID, is_checkpoint
from deployments.strict import nearest

Look = Callable[[str], str | None]


def look_here(folder: str) -> str | None:
    """Say why *folder* on this machine holds no model, or None when it does."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        return "is no folder on this machine"
    return None if is_checkpoint(path) else "holds no config.json; point at a folder that a model was saved to"


def sourceless(parts: Parts, look: Look) -> Iterator[Problem]:
    """Find sources that are certain to give no checkpoint; synthetic engines load none."""
    for name, model in parts.models.items():
        rule = _rule(model.source, look) if model.runtime == "vllm" else None
        if rule and parts.sound("models", name, "runtime"):
            message = f"{shown(model.source)} {rule}"
            yield Problem(path=path_of(("models", name, "source")), message=message, value=model.source)


def _rule(source: str, look: Look) -> str | None:
    if source.startswith(DEMO):
        demos = [DEMO + name for name in DEMOS]
        return None if source in demos else f"is not a demo checkpoint; {nearest(source, demos)}"
    if source.startswith(("/", ".", "~")):
        return look(source)
    if HUB_ID.fullmatch(source) or look(source) is None:
        return None
    return "is neither a folder that holds a model nor a Hugging Face id such as org/name"
