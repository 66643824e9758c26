"""What an engine's processes logged as errors, so that a failure can be told in one sentence.

An engine that dies tells its parent only that it died; the cause is in its own log.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deployments.engines.startup import NOTES

_RAISED = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception|Interrupt)): (.+)$")
_LIMIT = 400

# What everyone else raises once an engine is dead; it says nothing of why.
_HEARSAY = {"EngineDeadError", "vllm.v1.engine.exceptions.EngineDeadError", "asyncio.exceptions.CancelledError"}


class LastWords:
    """A file that receives the errors of child processes beside their usual log, and one for how far they came."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tercet-engine-")
        self._file = Path(self._folder.name) / "errors.log"
        self.notes = Path(self._folder.name) / "startup.log"

    def environment(self, logging_config: Mapping[str, Any]) -> dict[str, str]:
        """Return what makes vLLM's processes write here as well; a logging config of the user's own is left alone."""
        noted = {NOTES: str(self.notes)}
        if "VLLM_LOGGING_CONFIG_PATH" in os.environ:
            return noted
        config = deepcopy(dict(logging_config))
        config["handlers"]["last_words"] = {
            "class": "logging.FileHandler",
            "filename": str(self._file),
            "level": "ERROR",
            "delay": True,
        }
        config["loggers"]["vllm"]["handlers"].append("last_words")
        path = Path(self._folder.name) / "logging.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return {**noted, "VLLM_LOGGING_CONFIG_PATH": str(path)}

    def read(self) -> str | None:
        """Return the last exception that was logged, as ``Type: message``."""
        try:
            return cause(self._file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None

    def forget(self) -> None:
        """Forget what was said so far: the engine lived on, so it is not what it will die of."""
        if self._file.exists():
            os.truncate(self._file, 0)

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def cause(log: str) -> str | None:
    """Return the first exception in *log* that was raised for a reason of its own."""
    raised = [match for line in log.splitlines() if (match := _RAISED.search(line)) and match[1] not in _HEARSAY]
    return f"{raised[0][1].rpartition('.')[2]}: {raised[0][2]}"[:_LIMIT] if raised else None


def sentence(error: BaseException) -> str:
    """Say in one line what *error* is about."""
    if isinstance(error, ValidationError):
        # Its own text begins with a count and a class.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return " ".join(str(first["msg"]).removeprefix("Value error, ").split())[:_LIMIT]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:_LIMIT]
