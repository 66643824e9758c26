"""The fields of a log record, whichever of the three ways it was written in."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

# ``event_name key=%s other=%d``, and the same with its values written into it as JSON or as words.
_TEMPLATE = re.compile(r"[a-z]\w*(?: \w+=%[-+0-9.]*[a-z])+", re.ASCII)
_KEY = re.compile(r" (\w+)=%", re.ASCII)
_WRITTEN = re.compile(r'[a-z]\w*(?: \w+=(?:"(?:[^"\\]|\\.)*+"|[^\s"]++))++', re.ASCII)
_PAIR = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*+"|[^\s"]++)', re.ASCII)


def told(record: logging.LogRecord) -> tuple[str, Mapping[str, Any]]:
    """Return the event's name and its fields; the whole message is the name where it has no such form."""
    fields = getattr(record, "fields", None)
    if fields is not None:
        return record.getMessage(), fields
    template = str(record.msg)
    values = record.args if isinstance(record.args, tuple) else ()
    if values and _TEMPLATE.fullmatch(template) and len(keys := _KEY.findall(template)) == len(values):
        return template.partition(" ")[0], dict(zip(keys, map(_plain, values), strict=True))
    message = record.getMessage()
    if _WRITTEN.fullmatch(message):
        return message.partition(" ")[0], {key: _read(value) for key, value in _PAIR.findall(message)}
    return message, {}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
