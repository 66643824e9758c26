"""Short questions with answers that can be checked: what a cascade is measured on.

Each line of ``cascade_tasks.jsonl`` is one task: facts, arithmetic, extraction, yes or no, and format following, in
English and some in Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

FILE = Path(__file__).with_name("cascade_tasks.jsonl")

Check = Literal["says", "number", "yes_no", "pattern", "json"]

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
_YES_NO = re.compile(r"\b(yes|no)\b|(不是|不能|不会|否|是|会)")
_NEGATIVE = frozenset({"no", "不是", "不能", "不会", "否"})
_FENCE = re.compile(r"```(?:json)?")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One question; any of ``want`` is right, each read as ``check`` says."""

    name: str
    kind: str
    language: str
    prompt: str
    check: Check
    want: tuple[str, ...]


def load(file: Path = FILE) -> list[Task]:
    """Return every task."""
    return [msgspec.json.decode(line, type=Task) for line in file.read_bytes().splitlines()]


def correct(task: Task, text: str) -> bool:
    """Say whether *text* answers *task*."""
    said = unicodedata.normalize("NFKC", text).strip()
    return any(_CHECKS[task.check](said, wanted) for wanted in task.want)


def _says(said: str, wanted: str) -> bool:
    """Find *wanted* as a whole word; Chinese has no spaces between words."""
    edge = r"\b" if wanted.isascii() else ""
    return re.search(f"{edge}{re.escape(unicodedata.normalize('NFKC', wanted))}{edge}", said.casefold()) is not None


def _number(said: str, wanted: str) -> bool:
    """Take the last number, since sums are often repeated before their result."""
    found = _NUMBER.findall(said)
    return bool(found) and found[-1].replace(",", "").rstrip(".") == wanted


def _yes_no(said: str, wanted: str) -> bool:
    """Take the first yes or no."""
    found = _YES_NO.search(said.casefold())
    return found is not None and ("no" if found[0] in _NEGATIVE else "yes") == wanted


def _pattern(said: str, wanted: str) -> bool:
    return re.fullmatch(wanted, said) is not None


def _json(said: str, wanted: str) -> bool:
    try:
        return bool(msgspec.json.decode(_FENCE.sub("", said)) == msgspec.json.decode(wanted))
    except msgspec.DecodeError:
        return False


_CHECKS: Mapping[Check, Callable[[str, str], bool]] = {
    "says": _says, "number": _number, "yes_no": _yes_no, "pattern": _pattern, "json": _json,
}  # fmt: skip
