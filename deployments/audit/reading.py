"""Read audit files: line by line with the place of each, and the last whole line of a chain at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from deployments.audit.files import Part, parts
from deployments.audit.lines import Begin, Line, Place, decoded, hash_of

MOST_LINE = 64 * 2**20
_STEP = 64 * 1024


def lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield every line without its break, and whether it had one; raises OSError."""
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE):
            yield line.removesuffix(b"\n"), line.endswith(b"\n")


def trail(folder: Path) -> Iterator[tuple[str, Line]]:
    """Yield the name of its chain and every line that counts, chain by chain; raises OSError.

    What follows the place at which a chain went on as another was told to nobody, and is in that other one again. What
    is no line is left out.
    """
    found = parts(folder)
    left = dict(_left(found))
    for chain, files in found.items():
        for part in files:
            for raw, whole in lines(part.path):
                line = _decoded(raw) if whole else None
                if line is not None and line.n <= left.get(chain, line.n):
                    yield chain, line


def _left(found: Mapping[str, list[Part]]) -> Iterator[tuple[str, int]]:
    for files in found.values():
        first = next((_decoded(raw) for raw, _ in lines(files[0].path)), None)
        if first is not None and isinstance(first.record, Begin) and first.record.after is not None:
            yield first.record.after.chain, first.record.after.n


def _decoded(raw: bytes) -> Line | None:
    try:
        return decoded(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def last_place(part: Part) -> Place | None:
    """Return the last whole line of a file, None where it holds none or what is no line; raises OSError."""
    raw = _last_line(part.path)
    line = None if raw is None else _decoded(raw)
    return None if raw is None or line is None else Place(part.chain, line.n, hash_of(raw))


def _last_line(path: Path) -> bytes | None:
    with path.open("rb") as file:
        at = file.seek(0, 2)
        tail = b""
        while at > 0 and len(tail) < MOST_LINE:
            step = min(_STEP, at)
            at -= step
            file.seek(at)
            tail = file.read(step) + tail
            whole = tail[: tail.rfind(b"\n") + 1]
            begin = whole.rstrip(b"\n").rfind(b"\n")
            if whole and (begin >= 0 or at == 0):
                return whole[begin + 1 :].rstrip(b"\n")
    return None
