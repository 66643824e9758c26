"""Read CSV files with a header and columns of numbers, plain or gzip, a part at a time."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np

ROWS = 65_536
MOST_TOKENS = 2**31 - 1


class TraceError(Exception):
    """A trace that cannot be read; the message names the file, the place and what is wrong."""


def header(path: Path) -> tuple[str, ...]:
    """Return the names of the columns. Raises TraceError."""
    try:
        with _opened(path) as lines:
            return tuple(name.strip() for name in next(csv.reader(lines), []))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise TraceError(f"{path}: {error}") from error


def parts(path: Path, columns: Sequence[str], rows: int = ROWS) -> Iterator[np.ndarray[Any, np.dtype[np.float64]]]:
    """Yield the *columns* as arrays of up to *rows* rows. Raises TraceError."""
    names = header(path)
    if missing := [name for name in columns if name not in names]:
        raise TraceError(f"{path}: has no column {missing[0]}; its first line names {', '.join(names) or 'nothing'}")
    places, done, found = [names.index(name) for name in columns], 0, 0
    read: list[str] = []
    try:
        with _opened(path) as lines:
            next(lines, None)
            while read := list(islice(lines, rows)):
                block = [line for line in read if line.strip()]
                done += len(read)
                if not block:
                    continue
                found += len(block)
                table = np.loadtxt(block, delimiter=",", usecols=places, ndmin=2, comments=None)
                if np.any(np.diff(table[:, 0]) < 0) and columns[0] == "t_s":
                    raise TraceError(
                        f"{path}: t_s goes back in time between lines {done - len(read) + 2} and {done + 1}"
                    )
                yield table
    except (OSError, ValueError, EOFError) as error:
        raise TraceError(f"{path}: after line {done - len(read) + 1}: {error}") from error
    if found == 0:
        raise TraceError(f"{path}: has no rows")


def columns_of(path: Path, columns: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the *columns* of the whole file, one a row. Raises TraceError."""
    return cast("np.ndarray[Any, np.dtype[np.float64]]", np.concatenate(list(parts(path, columns))).T)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
