"""Where models and their drafts come from: a demo that exists, a folder that holds a model, or a Hugging Face id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.engines.checkpoints.store import DEMO, DEMOS, HUB_ID, PACKAGED, is_checkpoint
from deployments.engines.drafts import SPECULATION, draft_source
from deployments.strict import nearest

_DRAFT = ("engine", SPECULATION, "model")

Look = Callable[[str], str | None]


def look_here(folder: str) -> str | None:
    """Say why *folder* on this machine holds no model, or None when it does."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        return "is no folder on this machine"
    return None if is_checkpoint(path) else "holds no config.json; point at a folder that a model was saved to"


def sourceless(parts: Parts, look: Look) -> Iterator[Problem]:
    """Find sources that are certain to give no checkpoint, draft models' too; synthetic engines load none."""
    for name, model in parts.models.items():
        if model.runtime != "vllm" or not parts.sound("models", name, "runtime"):
            continue
        for keys, source in ((("source",), model.source), (_DRAFT, draft_source(model.engine))):
            if source is not None and (rule := _rule(source, look)):
                path = path_of(("models", name, *keys))
                yield Problem(path=path, message=f"{shown(source)} {rule}", value=source)


def _rule(source: str, look: Look) -> str | None:
    if source.startswith(DEMO):
        demos = [DEMO + name for name in (*DEMOS, *PACKAGED)]
        return None if source in demos else f"is not a demo checkpoint; {nearest(source, demos)}"
    if source.startswith(("/", ".", "~")):
        return look(source)
    if HUB_ID.fullmatch(source) or look(source) is None:
        return None
    return "is neither a folder that holds a model nor a Hugging Face id such as org/name"
