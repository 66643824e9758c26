"""The audit trail of one gateway, as its settings ask for it at the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deployments.audit.audit import Audit
from deployments.audit.heard import Facts
from deployments.audit.journal import Writer
from deployments.audit.settings import AuditSettings
from deployments.audit.state import AuditMeter
from deployments.gateway.readiness import Readiness
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.versions import versions
from deployments.graph.background import Background
from deployments.graph.node import Layer, Node
from deployments.layers.audited import audited


class Auditing:
    """Opens the trail when it is asked for, and another one when it is to be another.

    *folder* is where it is kept by default; *clock* is monotonic.
    """

    def __init__(
        self, folder: Path | None, gateway: str, meter: AuditMeter, background: Background, clock: Callable[[], float]
    ) -> None:
        self._folder, self._gateway, self._meter = folder, gateway, meter
        self._background, self._clock = background, clock
        self._audit: Audit | None = None
        self._as = AuditSettings()

    def told(self) -> str:
        """Say in a few words how it is going; nothing where nothing is audited."""
        if self._audit is None:
            return ""
        state = self._audit.state
        if state.ok:
            return "ok"
        doing = "refusing" if self._as.on_failure == "refuse" else "answering without records"
        return f"{doing}: {state.fault}" + (f"; {state.lost} records lost" if state.lost else "")

    def judged(self, verdict: Readiness) -> Readiness:
        """Return *verdict* with how the trail is: a gateway that must refuse everything should be sent nothing."""
        told = self.told()
        if verdict.ready and told not in ("", "ok") and self._as.on_failure == "refuse":
            return replace(verdict, ready=False, reason="the audit trail cannot be written", audit=told)
        return replace(verdict, audit=told)

    def layer(self, settings: GatewaySettings) -> Layer:
        """Return what goes around every node that answers; raises ValueError where there is no folder to keep it in."""
        if settings.audit != self._as:
            before, self._audit, self._as = self._audit, self._opened(settings.audit), settings.audit
            if before is not None:
                self._background.start(before.close(), name="closing the audit trail before this one")
        if self._audit is None:
            return _unaudited
        return audited(self._audit, Facts(version=settings.loaded), self._clock)

    async def close(self) -> None:
        """Write what waits, and sign it."""
        if self._audit is not None:
            await self._audit.close()

    def _opened(self, settings: AuditSettings) -> Audit | None:
        if not settings.enabled:
            return None
        folder = Path(settings.folder) if settings.folder is not None else self._folder
        if folder is None:
            raise ValueError("audit: is enabled and has no folder; name one by audit.folder")
        return Audit(folder, settings, Writer(gateway=self._gateway, version=versions()["version"]), meter=self._meter)


def _unaudited(node: Node) -> Node:
    return node
