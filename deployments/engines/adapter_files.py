"""What a LoRA adapter is on disk: a PEFT folder with weights in safetensors, the one format that cannot run code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from deployments.errors import Invalid

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def located(source: str) -> Path:
    """Return an adapter's folder, given that or a Hugging Face id; raises Invalid. May download, and blocks."""
    folder = Path(source).expanduser()
    if source.startswith(("/", ".", "~")) or folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only where something is fetched
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(source, allow_patterns=[CONFIG, WEIGHTS]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        lines = str(error).strip().splitlines()
        raise Invalid(f"{source} cannot be fetched: {lines[0] if lines else type(error).__name__}") from error


def fault(folder: Path) -> str | None:
    """Say why *folder* holds no adapter that can be loaded, or None when it does."""
    if not folder.is_dir():
        return "is no folder on this machine"
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        return f"holds no {' and no '.join(missing)}; save the adapter with PEFT's save_pretrained"
    return None if rank(folder) is not None else f"holds a {CONFIG} that is not a LoRA adapter's"


def rank(folder: Path) -> int | None:
    """Return the largest rank in an adapter, None where its configuration does not say."""
    try:
        config: Any = json.loads((folder / CONFIG).read_text("utf-8"))
        ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return max(ranks) if all(type(one) is int and one > 0 for one in ranks) else None


def copy(folder: Path, into: Path) -> None:
    """Copy an adapter's two files, whatever else lies beside them."""
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(folder / name, into / name)
