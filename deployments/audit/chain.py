"""The chain as it grows: each record gets its number and the hash of the line before."""

from __future__ import annotations

from deployments.audit.lines import NOTHING_BEFORE, Checkpoint, Line, Place, Record, encoded, hash_of, signed_words
from deployments.audit.signing import Signer


class Chain:
    """One chain in memory; ``place`` is the last line that was linked."""

    def __init__(self, name: str, signer: Signer) -> None:
        self.name, self._signer = name, signer
        self.n, self.hash = 0, NOTHING_BEFORE
        self.unsigned = 0

    @property
    def place(self) -> Place:
        """Return the last line."""
        return Place(self.name, self.n, self.hash)

    def link(self, record: Record) -> bytes:
        """Return the next line, with its break; raises ValueError and TypeError for what JSON cannot hold."""
        data = encoded(Line(self.n + 1, self.hash, record))
        self.n, self.hash = self.n + 1, hash_of(data)
        self.unsigned += 1
        return data + b"\n"

    def sign(self, at_s: float, *, last: bool = False) -> bytes:
        """Return a line that signs all before it."""
        words = signed_words(self.name, self.n + 1, self.hash, at_s, last=last)
        line = self.link(Checkpoint(at_s=at_s, signature=self._signer.sign(words), last=last))
        self.unsigned = 0
        return line
