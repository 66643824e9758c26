"""What must outlive the process, offered again until it has been written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class _Part:
    written: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    late: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Keeper:
    """Knows what was written of each part; *write* may block and fail, and has *deadline_s* seconds.

    A write that is still under way after that is waited for by the part's next one, so that they never pass each other.
    No part waits for another.
    """

    write: Callable[[str, Mapping[str, Any]], None]
    deadline_s: float = 10.0
    _parts: dict[str, _Part] = field(default_factory=dict)

    async def keep(self, part: str, plain: Callable[[], Mapping[str, Any]]) -> None:
        """Write what *plain* returns, unless it is what was written last.

        Raises TimeoutError, or what *write* raises; the same is then written at the next call.
        """
        kept = self._parts.setdefault(part, _Part())
        async with kept.turn:  # one after the other, so that the last one written is the last one given
            given = plain()
            text = json.dumps(given)
            if kept.written == text:
                return
            kept.written = None  # what comes too late may be written all the same
            async with asyncio.timeout(self.deadline_s):
                if kept.late is not None:
                    await asyncio.wait((kept.late,))  # whatever came of it: it is written again in any case
                kept.late = asyncio.ensure_future(asyncio.to_thread(self.write, part, given))
                await asyncio.shield(kept.late)
            kept.written = text
