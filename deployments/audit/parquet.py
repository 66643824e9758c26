"""Audit records as a Parquet file, for whatever reads tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from deployments.audit.lines import Administered, Answered
from deployments.audit.reading import trail

_ROWS = 10_000


def export(folder: Path, to: Path, *, since_s: float = 0.0, until_s: float = float("inf")) -> int:
    """Write every record of a time from *since_s* until before *until_s* (Unix seconds), and return how many.

    Requests are of the kind ``answer``, what operators did of the kind ``admin``; each has its own columns. The file is
    there once it is whole. What is no record is left out, and ``verify`` tells of it. Raises OSError.
    """
    # A hundred megabytes of libraries that only this needs.
    pyarrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    schema = _schema(pyarrow)
    rows, count = _rows(folder, since_s, until_s), 0
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with parquet.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            while batch := list(islice(rows, _ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
                count += len(batch)
        unfinished.replace(to)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _rows(folder: Path, since_s: float, until_s: float) -> Iterator[dict[str, Any]]:
    for chain, line in trail(folder):
        record = line.record
        if isinstance(record, Answered | Administered) and since_s <= record.at_s < until_s:
            row = _answer(record) if isinstance(record, Answered) else _admin(record)
            yield {"chain": chain, "n": line.n, "at": int(record.at_s * 1_000_000), **row}


def _admin(record: Administered) -> dict[str, Any]:
    told = [(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
            for name, value in record.told.items()]  # fmt: skip
    return {"kind": "admin", **msgspec.structs.asdict(record), "told": told}


def _answer(record: Answered) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "answer", **msgspec.structs.asdict(record)}
    for name in ("arms", "notes", "cost"):
        told[name] = list(told[name].items())
    told["path"] = list(told["path"])
    told["prompt"] = None if record.prompt is None else msgspec.json.encode(record.prompt).decode()
    return told


def _schema(arrow: Any) -> Any:
    text, whole, real, yes = arrow.string(), arrow.int64(), arrow.float64(), arrow.bool_()
    words, sums = arrow.map_(text, text), arrow.map_(text, real)
    return arrow.schema([
        ("chain", text), ("n", whole), ("at", arrow.timestamp("us", tz="UTC")), ("request_id", text),
        ("tenant", text), ("key", text), ("endpoint", text), ("entry", text), ("outcome", text), ("stream", yes),
        ("duration_s", real), ("ttft_s", real), ("model", text), ("version", text), ("replica", text),
        ("path", arrow.list_(text)), ("arms", words), ("notes", words), ("cost", sums), ("prompt_tokens", whole),
        ("completion_tokens", whole), ("unseen_tokens", whole), ("finish_reason", text), ("prompt_sha256", text),
        ("text_sha256", text), ("sent_sha256", text), ("prompt", text), ("text", text), ("kind", text), ("who", text),
        ("action", text), ("told", words),
    ])  # fmt: skip
