"""Several calls of one request at once: each answer is held, and no call outlives the node that made it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType

from deployments.errors import ServingError
from deployments.graph.closing import closing
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.held import Held
from deployments.request import Context, Head, Request

Enough = Callable[[Sequence["Branch"], int], bool]


class Branch:
    """One call: what its target has said so far, and why it said no more."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.held = Held()
        self.error: ServingError | None = None

    @property
    def answered(self) -> bool:
        """Say whether the answer is whole."""
        return self.held.ended and self.error is None

    @property
    def said(self) -> str:
        """Return the text, "" where the answer is another: tools that are to be called."""
        return "" if self.held.calls_tools else self.held.text


class Branches:
    """An async context manager that runs every call while it is entered; leaving it ends those that still run."""

    def __init__(self, name: str, targets: Sequence[str], request: Request, context: Context, wiring: Wiring) -> None:
        self.all = [Branch(target) for target in targets]
        self._name, self._request, self._context, self._wiring = name, request, context, wiring
        self._begun = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Branch] = {}

    async def __aenter__(self) -> Branches:
        for at, branch in enumerate(self.all):
            call = self._context.fork(f"{self._name}.{at}")
            task = asyncio.create_task(self._run(branch, call), name=f"{self._name} {branch.target} {call.call_id}")
            self._tasks[task] = branch
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def begun(self) -> Head | None:
        """Wait until someone has a first token, and return the head; None where nobody ever will."""
        await self._begun.wait()
        return next((branch.held.head for branch in self.all if branch.held.head is not None), None)

    async def answers(self, enough: Enough, wait_s: float | None) -> list[Branch]:
        """Return the whole answers, as listed, once they are *enough* or *wait_s* seconds after the first is over."""
        pending, clock = set(self._tasks), self._wiring.clock
        until_s = float("inf")
        while pending and clock() < until_s:
            left_s = None if until_s == float("inf") else until_s - clock()
            done, pending = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            found = self._whole()
            if found and enough(found, len(pending)):
                break
            if found and wait_s is not None:
                until_s = min(until_s, clock() + wait_s)
        return self._whole()

    async def stop(self) -> None:
        """End what still runs, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _whole(self) -> list[Branch]:
        return [branch for branch in self.all if branch.answered]

    async def _run(self, branch: Branch, context: Context) -> None:
        try:
            with self._wiring.edge(self._name, branch.target):
                async with closing(self._wiring.node(branch.target)(self._request, context)) as frames:
                    async for frame in frames:
                        branch.held.take(frame)
                        self._begun.set()
                branch.held.end(branch.target)
        except ServingError as error:
            branch.error = error
        finally:
            if all(task.done() or other is branch for task, other in self._tasks.items()):
                self._begun.set()
