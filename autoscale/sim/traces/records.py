"""Tercet's own record of requests, so that last week can be replayed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.requests import arrivals
from autoscale.sim.traces.tables import ROWS, TraceError

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Line(msgspec.Struct):
    """What is needed of a record; its writer is ``deployments/telemetry/records.py``."""

    at_s: float
    entry: str = ""
    path: tuple[str, ...] = ()
    kind: Literal["request", "shadow"] = "request"
    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLog:
    """The requests in a file of records, or in all files of a folder; times count from *origin_s*, else the first one.

    Records are written when requests end, by every gateway to its own files, so three numbers of each are held in
    memory to sort them by arrival. *entry* keeps the requests for one name, *pool* those that one pool answered last.
    A record without a count of prompt tokens, of a request that was turned away, is left out.
    """

    path: Path
    entry: str | None = None
    pool: str | None = None
    rows: int = ROWS
    origin_s: float | None = None

    @property
    def began_s(self) -> float:
        """Return the Unix time of the first request that is kept. Raises TraceError."""
        first_s = min((line.at_s for line in self._kept()), default=None)
        if first_s is None:
            raise self._empty()
        return first_s

    def __iter__(self) -> Iterator[Arrivals]:
        times, prompts, outputs = array("d"), array("i"), array("i")
        for line in self._kept():
            times.append(line.at_s)
            prompts.append(line.prompt_tokens or 0)
            outputs.append(line.completion_tokens)
        if not times:
            raise self._empty()
        t_s, prompt, output = _numbers(times, "d"), _numbers(prompts, "i"), _numbers(outputs, "i")
        order = np.argsort(t_s, kind="stable")
        origin_s = t_s[order[0]] if self.origin_s is None else self.origin_s
        for at in range(0, len(order), self.rows):
            part = order[at : at + self.rows]
            yield arrivals(t_s[part] - origin_s, prompt[part], output[part])

    def _kept(self) -> Iterator[_Line]:
        return (line for line in self._lines() if line.prompt_tokens is not None and self._wanted(line))

    def _empty(self) -> TraceError:
        return TraceError(f"{self.path}: holds no record of an answered request{self._asked()}")

    def _wanted(self, line: _Line) -> bool:
        if line.kind != "request" or (self.entry is not None and line.entry != self.entry):
            return False
        return self.pool is None or (bool(line.path) and line.path[-1] == self.pool)

    def _asked(self) -> str:
        names = {"entry": self.entry, "pool": self.pool}
        return "".join(f" of {kind} {name}" for kind, name in names.items() if name is not None)

    def _lines(self) -> Iterator[_Line]:
        decoder = msgspec.json.Decoder(_Line)
        files = sorted(self.path.glob("*.jsonl")) if self.path.is_dir() else [self.path]
        for file in files:
            try:
                with file.open("rb") as lines:
                    # A last line that is still being written has no end.
                    whole = (numbered for numbered in enumerate(lines, 1) if numbered[1].endswith(b"\n"))
                    for number, line in whole:
                        yield _decoded(decoder, line, f"{file}:{number}")
            except OSError as error:
                raise TraceError(f"{file}: {error}") from error


def _decoded(decoder: msgspec.json.Decoder[_Line], line: bytes, place: str) -> _Line:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(f"{place}: is not a record: {error}") from error


def _numbers(values: Any, kind: str) -> Any:
    return np.frombuffer(values, kind)
