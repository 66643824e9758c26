"""Structured logs: one JSON object a line, whose event carries fields. The text of prompts and answers never does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from deployments.telemetry.log_fields import told

LOGGER = logging.getLogger("tercet")
# The product's own; what others log is theirs to show.
OURS = ("tercet", "deployments", "autoscale")
_BOUND: ContextVar[Mapping[str, Any] | None] = ContextVar("log_fields", default=None)


def event(name: str, level: int = logging.INFO, *, error: BaseException | None = None, **fields: Any) -> None:
    """Log the event *name* with its fields, and a traceback where *error* is given."""
    LOGGER.log(level, name, exc_info=error, extra={"fields": fields})


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add *fields* to every line that is logged inside the block, in tasks that begin there as well."""
    before = _BOUND.set({**(_BOUND.get() or {}), **fields})
    try:
        yield
    finally:
        _BOUND.reset(before)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; fields that JSON cannot hold are written as text."""
        name, fields = told(record)
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": name,
            **(_BOUND.get() or {}),
            **fields,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure(stream: TextIO, level: int = logging.INFO) -> None:
    """Send this product's events to *stream*; called once, by whoever owns the process."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
