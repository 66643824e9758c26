"""One mirrored request: ask the candidate, compare, and keep what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from deployments.errors import ServingError
from deployments.graph.closing import closing
from deployments.graph.wiring import Wiring
from deployments.layers.deadline import deadline
from deployments.nodes.record.form import filled_in
from deployments.nodes.record.heard import Heard
from deployments.nodes.shadow.compare import Agreement, Pair, embedded, exact, judged
from deployments.nodes.shadow.spec import ShadowSpec
from deployments.request import Context, Request, unheard, unspent, untold
from deployments.telemetry.records import CANCELLED, OK

LOWEST = -1000


@dataclass(frozen=True, slots=True)
class Mirror:
    """Mirrors requests for the shadow *name*; nothing that happens here reaches a client."""

    name: str
    spec: ShadowSpec
    wiring: Wiring

    async def __call__(self, request: Request, context: Context, heard: Heard) -> None:
        """Mirror a *request* that was answered; *context* is the one it came with, *heard* what the client got."""
        ours = replace(
            context.fork(f"shadow-{self.name}").enter(self.name),
            deadline_s=self.wiring.clock() + self.spec.timeout,
            priority=LOWEST,
            charged=False,
            chose=unheard,
            unseen=untold,
            spent=unspent,
        )
        candidate, outcome = Heard(self.wiring.clock, text=True), CANCELLED
        agreement = Agreement(None, "")
        try:
            await self._ask(request, ours, candidate)
            outcome = OK
            agreement = await self._compared(request, ours, heard.text, candidate.text)
        except ServingError as error:
            outcome = error.code
        except Exception:
            outcome = ServingError.code
            raise
        finally:
            told = outcome if outcome != OK else "compared" if agreement.score is not None else "unjudged"
            self.wiring.shadowed(self.name, told, agreement.score)
            self.wiring.hidden(self.name, candidate.tokens)
            self._keep(request, context, heard, OK, self.spec.shadow, Agreement(None, ""))
            self._keep(request, context, candidate, outcome, self.spec.to, agreement)

    async def _ask(self, request: Request, context: Context, candidate: Heard) -> None:
        node = deadline(self.wiring.clock)(self.wiring.node(self.spec.to))
        with self.wiring.edge(self.name, self.spec.to):
            async with closing(node(request, context)) as frames:
                async for frame in frames:
                    candidate.take(frame)
        candidate.end()

    async def _compared(self, request: Request, context: Context, answer: str | None, said: str | None) -> Agreement:
        if not answer and not said:
            return Agreement(None, "no text")  # tool calls alone, or too long to be held
        if not answer or not said:
            return Agreement(0.0 if answer is not None and said is not None else None, "no text")
        pair = Pair(request, answer, said)
        if self.spec.embedder is not None:
            return await embedded(pair, self.name, self.spec.embedder, context.fork("compare"), self.wiring)
        if self.spec.judge is not None:
            return await judged(pair, self.name, self.spec.judge, context.fork("compare"), self.wiring)
        return exact(pair)

    def _keep(
        self, request: Request, context: Context, heard: Heard, outcome: str, arm: str, agreement: Agreement
    ) -> None:
        record = filled_in(
            self.name,
            request,
            context,
            heard,
            outcome,
            kind="shadow",
            text=self.spec.text,
            arms={self.name: arm},
        )
        judged_so = msgspec.structs.replace(record, score=agreement.score, judged_by=agreement.by)
        self.wiring.records(judged_so, self.spec.keep)
