"""Random splits of labelled documents: does a stream give away anything that the whole text would not?

    python -m benchmarks.pii.splits --splits 1000000 --seed 1 --keep

Each split feeds one document to the scanner in frames cut at random places, from one cut to one at every character, and
compares what comes out masked with the whole text masked. A leak is a character of a value that came out. ``--keep``
writes ``results/pii_splits.json``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from benchmarks.pii.documents import Document, drawn, written
from benchmarks.results import FOLDER
from deployments.finding import Segment
from deployments.pii.scanner import Scanner


@dataclass(slots=True)
class Tally:
    """What was tried, and in how many of the splits anything was cut otherwise than in the whole text."""

    splits: int = 0
    values: int = 0
    leaks: int = 0
    took_s: float = 0.0


def split(text: str, draw: Random) -> list[str]:
    """Return *text* in frames."""
    count = min(len(text), draw.choice([1, 2, 3, 5, 8, 20, len(text)]))
    cuts = sorted(draw.sample(range(len(text) + 1), count))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def masked(frames: Sequence[str]) -> tuple[str, int]:
    """Return what comes out of a stream, and how many values were found."""
    scanner = Scanner()
    segments: list[Segment] = []
    for frame in frames:
        segments += scanner.feed(frame)
    segments += scanner.end()
    out = "".join(f"[{one.kind}]" if one.kind else one.text for one in segments)
    return out, sum(bool(one.kind) for one in segments)


def measured(splits: int, seed: int, *, documents: Sequence[Document] | None = None) -> Tally:
    """Try so many *splits* over the documents, as evenly as can be."""
    draw = Random(seed)  # noqa: S311 - nothing is secret here
    known = [*written(), *drawn(seed, 400)] if documents is None else list(documents)
    wholes = [masked([document.text]) for document in known]
    tally, began_s = Tally(), time.monotonic()
    for number in range(splits):
        at = number % len(known)
        tally.splits += 1
        tally.values += wholes[at][1]
        tally.leaks += masked(split(known[at].text, draw)) != wholes[at]
    tally.took_s = time.monotonic() - began_s
    return tally


def main() -> None:
    """Run from the command line; ends with 1 where anything leaked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write results/pii_splits.json")
    asked = parser.parse_args()
    tally = measured(asked.splits, asked.seed)
    print(f"{tally.splits} splits, {tally.values} values, {tally.leaks} leaks, {tally.took_s:.0f} s")
    if asked.keep:
        (FOLDER / "pii_splits.json").write_bytes(msgspec.json.format(msgspec.json.encode(tally), indent=1) + b"\n")
    raise SystemExit(tally.leaks > 0)


if __name__ == "__main__":
    main()
