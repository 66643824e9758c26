"""Read records back from a file, or from every file of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from deployments.telemetry.records import Record


class RecordsError(Exception):
    """A file that holds something else than records; the message names the line and what is wrong."""


def record_files(path: Path) -> list[Path]:
    """Return *path* itself, or the files of records in the folder *path*, the oldest first."""
    return sorted(path.glob("*.jsonl"), key=lambda file: file.stat().st_mtime) if path.is_dir() else [path]


def read_records(path: Path) -> Iterator[Record]:
    """Yield every record; a last line that is still being written is left out. Raises RecordsError and OSError."""
    decoder = msgspec.json.Decoder(Record)
    for file in record_files(path):
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.endswith(b"\n") and line.strip():
                    yield _decoded(decoder, line, f"{file}:{number}")


def _decoded(decoder: msgspec.json.Decoder[Record], line: bytes, place: str) -> Record:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordsError(f"{place}: is not a record: {error}") from error
