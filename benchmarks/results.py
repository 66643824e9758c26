"""Everything that one run found, as it is written to results/latest.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.added_ttft import AddedTtft
from benchmarks.figures import Figures
from benchmarks.rounds import Record, Start
from benchmarks.second_opinion import Opinion

FOLDER = Path(__file__).resolve().parent / "results"


class Results(msgspec.Struct, kw_only=True):
    """One run of the benchmarks; what was not asked for is empty. ``at`` is UTC, ``setup`` plain facts by name."""

    at: str
    setup: dict[str, str]
    starts: list[Start] = []
    records: list[Record] = []
    opinions: list[Opinion] = []
    added_ttft: AddedTtft | None = None

    def contenders(self, engine: str) -> list[str]:
        """Return who was measured with this kind of engine, in the order of the first round."""
        return list(dict.fromkeys(record.contender for record in self.records if record.engine == engine))

    def points(self, engine: str) -> list[int]:
        """Return the numbers of streams measured with this kind of engine."""
        return sorted({record.streams for record in self.records if record.engine == engine})

    def rounds(self, engine: str, contender: str, streams: int) -> list[Figures]:
        """Return one contender's figures at one point, round by round."""
        return [
            record.figures
            for record in sorted(self.records, key=lambda record: record.round)
            if _is(record, engine, contender, streams)
        ]

    def paired(self, engine: str, ours: str, theirs: str, streams: int) -> list[tuple[Figures, Figures]]:
        """Return both contenders' figures of every round in which both were measured."""
        sides = [
            {record.round: record.figures for record in self.records if _is(record, engine, contender, streams)}
            for contender in (ours, theirs)
        ]
        return [(sides[0][turn], sides[1][turn]) for turn in sorted(sides[0].keys() & sides[1].keys())]


def _is(record: Record, engine: str, contender: str, streams: int) -> bool:
    return (record.engine, record.contender, record.streams) == (engine, contender, streams)


def write(results: Results, folder: Path = FOLDER) -> Path:
    """Write *results* as JSON and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "latest.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return file


def load(file: Path) -> Results:
    """Read what ``write`` wrote."""
    return msgspec.json.decode(file.read_bytes(), type=Results)


def merged(old: Results, new: Results, engines: Sequence[str]) -> Results:
    """Return *new* with what *old* has of the kinds of engine that were not measured again."""
    kept = [record for record in old.records if record.engine not in engines]
    starts = [start for start in old.starts if start.engine not in engines]
    return Results(
        at=new.at,
        setup={**old.setup, **new.setup},
        starts=[*starts, *new.starts],
        records=[*kept, *new.records],
        opinions=new.opinions or old.opinions,
        added_ttft=new.added_ttft or old.added_ttft,
    )
