"""Read records line by line, whatever else the file holds: what is no record is counted and passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from deployments.telemetry.records import MOST_TEXT, Record
from deployments.telemetry.records_read import record_files

# JSON may write a character in six.
LONGEST_LINE = 6 * MOST_TEXT + 2**16


@dataclass(slots=True)
class Lines:
    """The records of some files, read anew by each loop over them; ``malformed`` counts the last loop's other lines."""

    files: tuple[Path, ...]
    malformed: int = 0
    first: str = ""
    _decoder: msgspec.json.Decoder[Record] = field(default_factory=lambda: msgspec.json.Decoder(Record))

    def __iter__(self) -> Iterator[Record]:
        self.malformed, self.first = 0, ""
        for path in self.files:
            with path.open("rb") as file:
                for number, line in enumerate(_bounded(file), start=1):
                    record = self._read(line, f"{path.name}:{number}")
                    if record is not None:
                        yield record

    def _read(self, line: bytes, place: str) -> Record | None:
        if not line.strip():
            return None
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.malformed += 1
            self.first = self.first or f"{place}: {error}"
            return None


def lines_of(path: Path) -> Lines:
    """Return the records of a file, or of every file of a folder."""
    return Lines(files=tuple(record_files(path)))


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines; of one that is too long only the beginning, which is no record."""
    while line := file.readline(LONGEST_LINE):
        end = line
        while end and not end.endswith(b"\n") and len(end) == LONGEST_LINE:
            end = file.readline(LONGEST_LINE)
        yield line
