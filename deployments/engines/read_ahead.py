"""Let the kernel read a checkpoint's weights from disk while vLLM is still being imported."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil

# What is read must still be in the page cache when the engine wants it.
SHARE_OF_MEMORY = 0.5


def read_ahead(checkpoint: str) -> None:
    """Ask for the weights in the folder *checkpoint*, in the background, unless they would fill the memory."""
    files = sorted(Path(checkpoint).glob("*.safetensors")) if Path(checkpoint).is_absolute() else []
    if files and sum(file.stat().st_size for file in files) < SHARE_OF_MEMORY * psutil.virtual_memory().available:
        threading.Thread(target=_wanted, args=(files,), name="read ahead", daemon=True).start()


def _wanted(files: list[Path]) -> None:
    for path in files:
        try:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
        except OSError:  # whoever loads the file tells it better
            return
