"""One way of a request to a model: what it spends is the request's, and what it leaves another branch may use."""

from __future__ import annotations

from typing import Protocol

from deployments.tenancy.limits.usage import NOTHING, Usage


class Payer(Protocol):
    """Whose branches are paid for; a ``Grant`` is one."""

    async def spend(self, usage: Usage, now_us: int, model: str, instead_of: Usage = NOTHING) -> None: ...

    def note(self, usage: Usage, model: str, instead_of: Usage) -> None: ...

    def leave(self, model: str, unused: Usage) -> None: ...


class Branch:
    """One branch that may come to *most*, of *payer*."""

    def __init__(self, payer: Payer, model: str, most: Usage = NOTHING) -> None:
        self._payer, self._model, self._most = payer, model, most
        self._used = NOTHING

    async def spend(self, usage: Usage, now_us: int) -> None:
        """Take note of *usage*; as ``Grant.spend``."""
        self._used += usage
        await self._payer.spend(usage, now_us, self._model)

    async def reach(self, total: Usage, now_us: int) -> None:
        """Take note that the branch has used *total* until now, be that less than was noted; as ``Grant.spend``."""
        before, self._used = self._used, total
        await self._payer.spend(total, now_us, self._model, instead_of=before)

    def correct(self, total: Usage) -> None:
        """Take note of what the branch has used in the end, for the settlement to charge."""
        self._payer.note(total, self._model, instead_of=self._used)
        self._used = total

    def leave(self) -> None:
        """End the branch, whatever became of it; a second time is no more than the first."""
        self._payer.leave(self._model, self._most.without(self._used))
        self._most = NOTHING
