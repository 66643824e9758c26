"""How much of the personal data in the labelled documents is found, and how much of what is found is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import msgspec

from benchmarks.pii.documents import Document, drawn, written
from benchmarks.results import FOLDER
from deployments.pii.scanner import find

SEED, DRAWN = 6, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Of one kind: how many there are, how many were found, and how many findings were none; to the character."""

    labelled: int
    right: int
    wrong: int

    @property
    def recall(self) -> float:
        """Return the share of the labelled that was found."""
        return self.right / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        """Return the share of the found that was labelled."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0


def documents() -> list[Document]:
    """Return the labelled set: those written by hand and those drawn from the seed."""
    return [*written(), *drawn(SEED, DRAWN)]


def accuracy(labelled: Iterable[Document]) -> dict[str, Accuracy]:
    """Return the accuracy by kind."""
    there: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for document in labelled:
        found, told = set(find(document.text)), set(document.spans)
        there.update(span.kind for span in told)
        right.update(span.kind for span in found & told)
        wrong.update(span.kind for span in found - told)
    return {
        kind: Accuracy(labelled=there[kind], right=right[kind], wrong=wrong[kind]) for kind in sorted({*there, *wrong})
    }


def mistakes(labelled: Iterable[Document]) -> list[str]:
    """Return one line for each thing that was missed or found in error."""
    lines = []
    for document in labelled:
        found, told = set(find(document.text)), set(document.spans)
        for sign, spans in (("-", told - found), ("+", found - told)):
            lines += [f"{sign} {kind} {document.text[start:end]!r} in {document.text!r}" for kind, start, end in spans]
    return lines


def main() -> None:
    """Print the table and keep it."""
    found = accuracy(documents())
    kept = {kind: {**asdict(one), "recall": one.recall, "precision": one.precision} for kind, one in found.items()}
    (FOLDER / "pii_accuracy.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    print(f"{'kind':8} {'labelled':>9} {'recall':>7} {'precision':>10}")
    for kind, one in found.items():
        print(f"{kind:8} {one.labelled:9} {one.recall:7.3f} {one.precision:10.3f}")


if __name__ == "__main__":
    main()
