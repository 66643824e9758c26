"""Where records go: one chain at a time, in files that are durable before anybody is told so. Every call blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.audit.chain import Chain
from deployments.audit.files import AppendOnly, Part, began_s, new_chain, parts
from deployments.audit.lines import Answered, Begin, Place, Record, Witness
from deployments.audit.reading import last_place
from deployments.audit.retention import retire
from deployments.audit.settings import AuditSettings
from deployments.audit.signing import Signer, own_signer, signer

_LOOK_EVERY_S = 60.0
_UNFIT = "could not be kept: holds what JSON cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes: the gateway's name and what it runs."""

    gateway: str
    version: str = ""


class Journal:
    """Appends batches of records, signs them, and looks after the folder.

    After any fault the file is left as it is, and the next batch begins a chain of its own that says where this one
    ended: what a disk has of a write that failed, nobody knows.
    """

    def __init__(
        self, folder: Path, settings: AuditSettings, writer: Writer, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._folder, self._settings, self._writer, self._wall = folder, settings, writer, wall
        self._file: AppendOnly | None = None
        self._chain: Chain | None = None
        self._before: Place | None = None
        self._signed_s = self._looked_s = float("-inf")
        self._seen: dict[Path, int] = {}

    @property
    def unsigned_since_s(self) -> float | None:
        """Return when lines were last signed where some have come since then, None where all are signed."""
        return self._signed_s if self._chain is not None and self._chain.unsigned else None

    def append(self, records: Iterable[Record]) -> None:
        """Have *records* on the disk, in their order, by the time this returns; raises OSError or SigningKeyError."""
        try:
            file, chain = self._opened()
            now_s = self._wall()
            data = [_linked(chain, record) for record in records]
            if now_s - self._signed_s >= self._settings.checkpoint or now_s < self._signed_s:
                data.append(chain.sign(now_s))
                self._signed_s = now_s
            if data:
                file.append(b"".join(data))
                self._before = chain.place
        except BaseException:
            self.abandon()
            raise
        if file.size >= self._settings.file:
            self._turn(file, chain)

    def sign(self) -> None:
        """Sign what is not signed yet; raises as ``append`` does."""
        if self.unsigned_since_s is not None:
            self._signed_s = float("-inf")
            self.append(())

    def look_after(self) -> None:
        """Now and then, write down how far other chains have come, and remove files that are old enough."""
        now_s = self._wall()
        if self._chain is None or 0 <= now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        if seen := self._witnessed(now_s, self._chain.name):
            self.append(seen)
        for record in retire(self._folder, self._settings.keep, self._chain.name, now_s):
            self._signed_s = float("-inf")  # nothing goes before the record of it is signed
            self.append((record,))

    def close(self) -> None:
        """Sign for the last time; raises OSError where that cannot be written."""
        file, chain = self._file, self._chain
        if file is not None and chain is not None:
            try:
                file.append(chain.sign(self._wall(), last=True))
            finally:
                self.abandon()

    def abandon(self) -> None:
        """Leave the file as it is."""
        file, self._file, self._chain = self._file, None, None
        if file is not None:
            file.close()

    def _opened(self) -> tuple[AppendOnly, Chain]:
        if self._file is None or self._chain is None:
            self._begin()
        assert self._file is not None  # noqa: S101 - begun
        assert self._chain is not None  # noqa: S101
        return self._file, self._chain

    def _begin(self) -> None:
        """Begin a chain; where that fails nothing is left of it, for it is tried every second."""
        now_s = self._wall()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = self._signer()
        chain = Chain(new_chain(now_s), key)
        begin = Begin(
            at_s=now_s, chain=chain.name, gateway=self._writer.gateway, version=self._writer.version, key=key.public,
            after=self._before,
        )  # fmt: skip
        self._seen = self._witnessed_before(now_s)
        records: list[Record] = [begin, *self._witnessed(now_s, chain.name)]
        file = AppendOnly(self._folder, chain.name, 1)
        try:
            file.append(b"".join([*map(chain.link, records), chain.sign(now_s)]))
        except OSError:
            file.close()
            file.path.unlink(missing_ok=True)
            raise
        self._file, self._chain, self._before = file, chain, chain.place
        self._signed_s = self._looked_s = now_s

    def _signer(self) -> Signer:
        file = self._settings.key_file
        return own_signer(self._folder) if file is None else signer(Path(file))

    def _turn(self, file: AppendOnly, chain: Chain) -> None:
        """Go on in a new file, after a signature in this one; where that fails, with a new chain."""
        try:
            file.append(chain.sign(self._wall()))
            self._before = chain.place
            self._file = AppendOnly(self._folder, chain.name, chain.n + 1)
        except OSError:
            self.abandon()
        else:
            file.close()

    def _witnessed(self, now_s: float, own: str) -> Sequence[Witness]:
        """Return how far the other chains have come since they were last looked at."""
        last = [part for part in self._last_parts() if part.chain != own]
        sizes = {part.path: part.path.stat().st_size for part in last}
        grown = [part for part in last if self._seen.get(part.path) != sizes[part.path]]
        self._seen = sizes
        places = map(last_place, grown)
        return [Witness(at_s=now_s, seen=place) for place in places if place is not None]

    def _witnessed_before(self, now_s: float) -> dict[Path, int]:
        """Return the sizes of files that were left before the last chain began, which has witnessed what it found.

        Or each of a thousand commands would tell of all that were before it.
        """
        last = self._last_parts()
        latest_s = max((began_s(part.chain) for part in last), default=now_s)
        # What was left a moment ago is told once more: the last chain's beginning may have broken off.
        until_s = min(latest_s, now_s - _LOOK_EVERY_S)
        found = ((part.path, part.path.stat()) for part in last)
        return {path: state.st_size for path, state in found if state.st_mtime < until_s}

    def _last_parts(self) -> list[Part]:
        return [files[-1] for files in parts(self._folder).values()]


def _linked(chain: Chain, record: Record) -> bytes:
    try:
        return chain.link(record)
    except (ValueError, TypeError):
        if not isinstance(record, Answered):
            raise
    # Half a surrogate pair, which JSON can carry and UTF-8 cannot: the hashes tell what there was.
    bare = msgspec.structs.replace(record, prompt=None, text=None, notes={**record.notes, "audit": _UNFIT})
    return chain.link(bare)
