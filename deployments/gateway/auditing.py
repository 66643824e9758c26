"""The audit trail of one gateway, as its settings ask for it at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.audit.heard import Facts
from deployments.audit.settings import AuditSettings
from deployments.audit.state import AuditMeter
from deployments.gateway.readiness import Readiness
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.versions import versions
from deployments.graph.node import Layer, Node
from deployments.request import Context

if TYPE_CHECKING:
    from deployments.audit.audit import Audit
    from deployments.audit.lines import Administered

Keep = Callable[["Administered"], Awaitable[None]]
# A request that is ended by its deadline has its record a moment later.
_ENDING_S = 5.0
_REFUSING = "refusing"


class Auditing:
    """Opens the trail when it is asked for, and another one when it is to be another.

    *folder* is where it is kept by default; *clock* is monotonic.
    """

    def __init__(
        self, folder: Path | None, gateway: str, meter: AuditMeter, clock: Callable[[], float]
    ) -> None:  # fmt: skip
        self._folder, self._gateway, self._meter, self._clock = folder, gateway, meter, clock
        self._audit: Audit | None = None
        self._as = AuditSettings()
        self._ending: dict[Audit, asyncio.Task[None]] = {}

    def told(self) -> str:
        """Say for the operator how it is going; nothing where nothing is audited."""
        doing = self._doing()
        if self._audit is None or doing == "ok":
            return doing
        state = self._audit.state
        return f"{doing}: {state.fault}" + (f"; {state.lost} records lost" if state.lost else "")

    def judged(self, verdict: Readiness) -> Readiness:
        """Return *verdict* with how the trail is: a gateway that must refuse everything should be sent nothing."""
        doing = self._doing()
        if verdict.ready and doing == _REFUSING:
            return replace(verdict, ready=False, reason="the audit trail cannot be written", audit=doing)
        return replace(verdict, audit=doing)

    def layer(self, settings: GatewaySettings, *, reached_for_s: float) -> Layer:
        """Return what goes around every node that answers; raises ValueError where there is no folder to keep it in.

        Requests that began by other settings end within *reached_for_s*, and have their records in the trail that they
        began with.
        """
        if settings.audit != self._as:
            before, self._audit, self._as = self._audit, self._opened(settings.audit), settings.audit
            if before is not None:
                self._end(before, reached_for_s + _ENDING_S)
        if self._audit is None:
            return _unaudited
        from deployments.layers.audited import audited  # noqa: PLC0415 - most gateways need nothing that signs

        return audited(lambda: self._audit, Facts(version=settings.loaded, key=_key), self._clock)

    @contextmanager
    def operating(self) -> Iterator[Keep]:
        """Yield what keeps a record of what an operator did: the trail that there is now stays open for it.

        Raises AuditUnavailable where nothing could be recorded and must be, and so does what keeps a record.
        """
        audit = self._audit
        if audit is None:
            yield _unkept
            return

        async def keep(record: Administered) -> None:
            await audit.settled(audit.record(lambda: record, 0))

        audit.admit()
        with audit.owing():
            yield keep

    async def close(self) -> None:
        """Write what waits, and sign it; every request has ended, or does so within a few seconds."""
        ending = dict(self._ending)
        for task in ending.values():
            task.cancel()
        await asyncio.gather(*ending.values(), return_exceptions=True)
        trails = [*ending] if self._audit is None else [*ending, self._audit]
        await asyncio.gather(*(trail.retire(_ENDING_S) for trail in trails))

    def _doing(self) -> str:
        if self._audit is None:
            return ""
        if self._audit.state.ok:
            return "ok"
        return _REFUSING if self._as.on_failure == "refuse" else "answering without records"

    def _end(self, audit: Audit, within_s: float) -> None:
        retiring = audit.retire(within_s)
        self._ending[audit] = task = asyncio.get_running_loop().create_task(retiring, name="ending an audit trail")
        task.add_done_callback(lambda _: self._ending.pop(audit, None))

    def _opened(self, settings: AuditSettings) -> Audit | None:
        if not settings.enabled:
            return None
        folder = Path(settings.folder) if settings.folder is not None else self._folder
        if folder is None:
            raise ValueError("audit: is enabled and has no folder; name one by audit.folder")
        from deployments.audit.audit import Audit  # noqa: PLC0415 - as above
        from deployments.audit.journal import Writer  # noqa: PLC0415

        return Audit(folder, settings, Writer(gateway=self._gateway, version=versions()["version"]), meter=self._meter)


async def _unkept(_: Administered) -> None:
    """Keep nothing."""


def _key(context: Context) -> str:
    return context.account.key if context.account is not None else ""


def _unaudited(node: Node) -> Node:
    return node
