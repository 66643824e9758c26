"""Folders that look like a LoRA adapter, for tests in which nothing reads the weights."""

from __future__ import annotations

import json
from pathlib import Path


def adapter_folder(folder: Path, *, rank: int = 8) -> str:
    """Make *folder* one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return str(folder)
