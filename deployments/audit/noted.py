"""Places of chains that are noted elsewhere, so that a folder which was set back as a whole is seen to be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from deployments.audit.lines import Place

_decoder = msgspec.json.Decoder(list[Place])


class NotedError(Exception):
    """A file that holds something else than places."""


def noted(path: Path) -> list[Place]:
    """Read places; raises NotedError and OSError."""
    try:
        return _decoder.decode(path.read_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotedError(f"{path}: is not what `tercet audit verify --save` writes: {error}") from error


def note(path: Path, places: Iterable[Place]) -> None:
    """Write places."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(places)), indent=1) + b"\n")
