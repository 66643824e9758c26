"""The newest backtest report in a folder, as far as operators are shown it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

MOST_FILES = 1_000
MOST_BYTES = 16 * 2**20
MOST_ROWS = 60


class _Figures(msgspec.Struct):
    slo: float | None = None
    replica_hours: float | None = None
    starts: float | None = None


class _Row(msgspec.Struct):
    name: str
    kind: str
    figures: _Figures
    over_optimum: float | None = None


class _Report(msgspec.Struct):
    trace: str
    rows: list[_Row]
    period: str = ""


def newest(folder: str | None) -> dict[str, Any]:
    """Return the ``report`` that was written last, None where there is none, and the ``fault`` of one that is none.

    Reads files.
    """
    try:
        found = list(_written(Path(folder))) if folder else []
        if not found:
            return {"report": None, "fault": ""}
        at_s, file = max(found)
        if file.stat().st_size > MOST_BYTES:
            return {"report": None, "fault": f"{file.name}: is larger than {MOST_BYTES} bytes"}
        report = msgspec.json.decode(file.read_bytes(), type=_Report)
    except OSError as error:
        return {"report": None, "fault": f"the reports cannot be read: {error.strerror or error}"}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return {"report": None, "fault": f"{file.name}: is no report of `tercet backtest --json`: {error}"}
    told = {
        "name": f"{report.trace} {report.period}".strip(),
        "at_s": at_s,
        "rows": [_told(one) for one in report.rows[:MOST_ROWS]],
    }
    return {"report": told, "fault": ""}


def _written(folder: Path) -> Iterator[tuple[float, Path]]:
    """Yield when each file was written; one that is empty is about to be, and anything but a file could block."""
    for file in islice(folder.glob("*.json"), MOST_FILES):
        told = file.stat()
        if stat.S_ISREG(told.st_mode) and told.st_size:
            yield told.st_mtime, file


def _told(row: _Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "slo": row.figures.slo,
        "ratio": row.over_optimum,
        "replica_hours": row.figures.replica_hours,
        "starts": row.figures.starts,
    }
