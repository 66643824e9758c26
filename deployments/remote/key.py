"""The key of a remote model: read when it is needed, from where the configuration says, and told to nobody."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from deployments.errors import Misconfigured
from deployments.remote.spec import KeyRef
from deployments.telemetry.logs import event

_MOST_BYTES = 16 * 1024


class Key:
    """Finds the key of the model *name*; a file is read again once it is another, as when a secret is rotated."""

    def __init__(self, name: str, ref: KeyRef | None, environment: Mapping[str, str] = os.environ) -> None:
        self._name, self._ref, self._environment = name, ref, environment
        self._seen: tuple[int, int, int] | None = None
        self._kept = ""

    def read(self) -> str | None:
        """Return the key, None where none is configured; raises Misconfigured for one that cannot be used."""
        if self._ref is None:
            return None
        try:
            key = self._found(self._ref)
        except OSError as error:
            raise self._unusable(error.strerror or "unreadable") from None
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable():
            raise self._unusable("empty" if not key else "characters that no key has")
        return key

    def _found(self, ref: KeyRef) -> str:
        return self._from_file(Path(ref.file)) if ref.file else self._environment.get(ref.env or "", "")

    def _from_file(self, path: Path) -> str:
        state = path.stat()
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            with path.open("rb") as file:
                self._kept = file.read(_MOST_BYTES).decode("utf-8", "replace")
            self._seen = seen
        return self._kept

    def _unusable(self, reason: str) -> Misconfigured:
        """Tell the operator where to look, and the client that it is not the one to mend it."""
        place = self._ref and (self._ref.file or self._ref.env)
        event("remote_key_unusable", logging.ERROR, model=self._name, place=place, reason=reason)
        return Misconfigured(f"{self._name}: this deployment has no key for the server behind it", retry_after_s=60.0)
