"""What must outlive the process, offered again until it has been written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Keeper:
    """Knows what was written of each part; *write* may block and fail, and has *deadline_s* seconds.

    A write that is still under way after that is waited for by the next one, so that they never pass each other.
    """

    write: Callable[[str, Mapping[str, Any]], None]
    deadline_s: float = 10.0
    _written: dict[str, str] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _late: asyncio.Future[None] | None = None

    async def keep(self, part: str, plain: Callable[[], Mapping[str, Any]]) -> None:
        """Write what *plain* returns, unless it is what was written last.

        Raises TimeoutError, or what *write* raises; the same is then written at the next call.
        """
        async with self._turn:  # one after the other, so that the last one written is the last one given
            given = plain()
            text = json.dumps(given)
            if self._written.get(part) == text:
                return
            self._written.pop(part, None)  # what comes too late may be written all the same
            async with asyncio.timeout(self.deadline_s):
                await self._over()
                self._late = asyncio.ensure_future(asyncio.to_thread(self.write, part, given))
                await asyncio.shield(self._late)
            self._written[part] = text

    async def _over(self) -> None:
        if self._late is not None:
            await asyncio.wait((self._late,))  # whatever came of it: its part is written again in any case
