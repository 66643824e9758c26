"""The engine protocol: what a pool's replica holds, whichever engine it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from deployments.cost.engine_costs import EngineCosts
from deployments.request import Context, Frame, Request
from deployments.signals import ReplicaSignals


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What an engine turned out to be once it had started; a step computes ``batched_tokens`` at most, if known."""

    model: str
    max_model_len: int
    slots: int
    kv_tokens: int
    batched_tokens: int = 0
    block_tokens: int = 16


class Engine(Protocol):
    """Runs one model with continuous batching. Every implementation passes tests/contracts/test_engine.py.

    Called from one event loop. ``generate`` raises a ServingError before its first frame where it refuses; closing the
    stream, or ``abort``, frees the sequence at the next step. ``signals`` is cheap and never blocks. A request for an
    ``adapter`` that the engine does not hold is an UnknownModel; for one that it holds, the answer's model is
    ``model:adapter``.

    An answer that is not streamed comes as two frames: one with the head and no bytes as soon as a first token exists,
    so that whoever waits for it can tell slow from silent, then one with the body; one that takes no tokens (vectors,
    scores, counts, a stored response) may come as one frame. A reader that lags gets everything it has not read yet as
    one frame, down to a single frame for the whole answer.

    From the moment it is ready on, ``costs`` shares all of its time among calls, or knows it as idle.
    """

    costs: EngineCosts

    async def start(self) -> EngineInfo:
        """Load the model and answer one warm-up request; the engine is ready when this returns."""
        ...

    def generate(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer; the first frame carries a Head whose path is the context's."""
        ...

    async def load_adapter(self, name: str, folder: str) -> None:
        """Answer requests for the LoRA adapter in *folder* from now on; raises Invalid where the engine cannot."""
        ...

    async def unload_adapter(self, name: str) -> None:
        """Refuse new requests for the adapter; running ones keep it to their end. An unknown name is nothing to do."""
        ...

    async def abort(self, request_id: str) -> None:
        """End a request early, its reader with EngineFailed; an unknown id is nothing to do."""
        ...

    async def check(self) -> None:
        """Raise EngineFailed when the engine can no longer answer."""
        ...

    async def stop(self) -> None:
        """Release everything; running requests end with EngineFailed."""
        ...

    def signals(self) -> ReplicaSignals:
        """Report load and latency as of now."""
        ...
