"""Find what was done to audit files after they were written.

Found is every line that was changed, added, removed or moved, and every chain that was shortened or removed, as far as
a signature, a later line, another chain or a place that was noted elsewhere still tells of it. Not found is:

* what is taken from the end of a chain that nobody has seen: at most the lines since its last checkpoint can be taken
  so that the rest looks like a gateway that was killed, and more only together with every checkpoint and witness of
  them. Other gateways of the folder witness each other every minute; places noted elsewhere (``tercet audit verify
  --save``) tell of all that came before, also of a folder that was set back as a whole;
* what somebody does who holds the signing key;
* what was never recorded.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from deployments.audit.files import Part, parts
from deployments.audit.lines import (
    NOTHING_BEFORE,
    Administered,
    Answered,
    Begin,
    Checkpoint,
    Gap,
    Line,
    Place,
    Retired,
    Witness,
    decoded,
    encoded,
    hash_of,
    signed_words,
)
from deployments.audit.reading import last_place, lines
from deployments.audit.signing import signed


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """Something wrong at a line of a chain, or worth knowing where it is only a ``note``."""

    chain: str
    n: int
    what: str
    note: bool = False


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found, how many records there are, and how far each chain comes."""

    findings: list[Finding] = field(default_factory=list)
    answers: int = 0
    administered: int = 0
    lost: int = 0
    ends: dict[str, Place] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    @property
    def problems(self) -> list[Finding]:
        """Return what is wrong."""
        return [one for one in self.findings if not one.note]


def verify(folder: Path, keys: Iterable[str], noted: Iterable[Place] = ()) -> Verdict:
    """Check every chain of *folder* by the public *keys* (base64) and the places *noted* before; raises OSError."""
    verdict, trusted = Verdict(), set(keys)
    told: dict[str, list[Place]] = {}
    retired: dict[str, Place] = {}
    walks = [_Walk(chain, files, trusted) for chain, files in parts(folder).items()]
    for walk in walks:
        walk.go(verdict, told, retired)
    for place in noted:
        told.setdefault(place.chain, []).append(place)
    for walk in walks:
        verdict.findings.extend(walk.against(told.pop(walk.chain, []), retired.get(walk.chain)))
    verdict.findings.extend(_missing(told, retired))
    verdict.findings.sort()
    return verdict


def _missing(told: Mapping[str, list[Place]], retired: Mapping[str, Place]) -> Iterator[Finding]:
    """Find chains of which nothing is left, and that were not removed by rule."""
    for chain, places in told.items():
        last = max(places, key=lambda place: place.n)
        gone = retired.get(chain)
        if gone is None or gone.n < last.n:
            upto = f"of its {last.n} lines" + (f" those after {gone.n}" if gone is not None else "")
            yield Finding(chain=chain, n=last.n, what=f"the chain is missing, {upto} were seen")


class _Walk:
    """One chain, from its first line that is left to its last."""

    def __init__(self, chain: str, files: list[Part], trusted: set[str]) -> None:
        self.chain, self._files, self._trusted = chain, files, trusted
        self._n, self._hash = 0, NOTHING_BEFORE
        self._first: Place | None = None
        self._key: str | None = None
        self._signed = 0
        self._closed = False
        self._findings: list[Finding] = []
        self._removed: list[Place] = []
        # Thirty-two bytes a line, for others may tell of any of them.
        self._numbers, self._hashes = array("Q"), bytearray()

    def go(self, verdict: Verdict, told: dict[str, list[Place]], retired: dict[str, Place]) -> None:
        """Read the chain; places of others that it tells of go to *told* and *retired*."""
        for part in self._files:
            if part.first != self._n + 1 and self._n:
                self._wrong(part.first, f"lines {self._n + 1} to {part.first - 1} are missing with their file")
            for raw, whole in lines(part.path):
                line = self._line(raw, part, whole=whole)
                if line is not None:
                    self._heard(line, raw, verdict, told, retired)
        verdict.ends[self.chain] = Place(self.chain, self._n, self._hash)
        if self._key is not None:
            verdict.keys.add(self._key)
        self._at_end()
        verdict.findings.extend(self._findings)

    def against(self, told: list[Place], retired: Place | None) -> Iterator[Finding]:
        """Yield where the chain is not what others say of it."""
        for place in told:
            if place.n > self._n:
                if self._grown() >= place.n:
                    continue  # written while the others were read
                what = f"the chain was cut: it ends at line {self._n}, line {place.n} was seen"
                yield Finding(chain=self.chain, n=self._n, what=what)
            elif (known := self._known(place.n)) is not None and known != place.hash:
                yield Finding(chain=self.chain, n=place.n, what="the line is another than the one that was seen")
        if self._first is not None and (retired is None or retired != self._first):
            what = f"lines 1 to {self._first.n} are missing, and no record says that they were removed by rule"
            yield Finding(chain=self.chain, n=1, what=what)

    def _grown(self) -> int:
        """Return the last line's number as of now."""
        last = parts(self._files[-1].path.parent).get(self.chain, self._files)[-1]
        place = last_place(last)
        return 0 if place is None else place.n

    def _line(self, raw: bytes, part: Part, *, whole: bool) -> Line | None:
        try:
            line = decoded(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            last = not whole and part is self._files[-1]
            if last:
                self._note(self._n + 1, "the last line broke off: the gateway was killed, or its disk was full")
            else:
                self._wrong(self._n + 1, "is no record")
            return None
        if not self._n and line.n > 1 and part.first == line.n:
            self._first = Place(self.chain, line.n - 1, line.prev)
        elif line.n != self._n + 1:
            self._wrong(line.n, self._order(line.n))
        elif line.prev != self._hash:
            self._wrong(line.n - 1, f"was changed: line {line.n} knows it by another hash")
        self._n, self._hash = line.n, hash_of(raw)
        self._numbers.append(self._n)
        self._hashes += bytes.fromhex(self._hash)
        return line

    def _known(self, n: int) -> str | None:
        at = bisect_left(self._numbers, n)
        found = at < len(self._numbers) and self._numbers[at] == n
        return self._hashes[32 * at : 32 * at + 32].hex() if found else None

    def _order(self, n: int) -> str:
        if n > self._n + 1:
            return f"lines {self._n + 1} to {n - 1} are missing"
        return f"is out of order, after line {self._n}"

    def _heard(
        self, line: Line, raw: bytes, verdict: Verdict, told: dict[str, list[Place]], retired: dict[str, Place]
    ) -> None:
        if self._closed:
            self._wrong(line.n, "follows the end of the chain")
        self._closed = False
        match line.record:
            case Begin():
                self._began(line.n, line.record, told)
            case Checkpoint():
                if encoded(line) != raw:  # no later line may tell of this one
                    self._wrong(line.n, "was changed: it is not written as it was signed")
                self._checked(line, line.record, retired)
            case Witness():
                told.setdefault(line.record.seen.chain, []).append(line.record.seen)
            case Retired():
                self._removed.append(line.record.upto)
            case Gap():
                verdict.lost += line.record.lost
                self._note(line.n, f"{line.record.lost} records could not be kept: {line.record.reason}")
            case Answered():
                verdict.answers += 1
            case Administered():
                verdict.administered += 1

    def _began(self, n: int, begin: Begin, told: dict[str, list[Place]]) -> None:
        if begin.chain != self.chain or n != 1:
            self._wrong(n, f"begins the chain {begin.chain}")
        if begin.key not in self._trusted:
            self._wrong(n, f"is signed with a key that is not trusted: {begin.key}")
        self._key = begin.key
        if begin.after is not None:
            told.setdefault(begin.after.chain, []).append(begin.after)

    def _checked(self, line: Line, record: Checkpoint, retired: dict[str, Place]) -> None:
        words = signed_words(self.chain, line.n, line.prev, record.at_s, last=record.last)
        keys = [self._key] if self._key is not None else sorted(self._trusted)
        if not any(signed(key, words, record.signature) for key in keys):
            self._wrong(line.n, "has a signature that is not valid")
            return
        self._signed, self._closed = line.n, record.last
        for upto in self._removed:  # signed by now: anybody could write that something was removed by rule
            if upto.chain not in retired or retired[upto.chain].n < upto.n:
                retired[upto.chain] = upto
        self._removed.clear()

    def _at_end(self) -> None:
        if self._closed or not self._n:
            return
        unsigned = self._n - self._signed
        told = f"its last {unsigned} lines are not signed yet" if unsigned else "all of its lines are signed"
        self._note(self._n, f"was not closed: its gateway runs, or was killed; {told}")

    def _wrong(self, n: int, what: str) -> None:
        self._findings.append(Finding(chain=self.chain, n=n, what=what))

    def _note(self, n: int, what: str) -> None:
        self._findings.append(Finding(chain=self.chain, n=n, what=what, note=True))
