"""A synthetic engine in a process of its own, which outlives gateways: ``python -m ... POOL SPEC FOLDER``.

FOLDER/POOL.json tells gateways where it listens. Each line on its standard input is answered by what the engine itself
has counted so far.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.pool.listener import Listener
from deployments.pool.wire import Call, Load, context_of
from deployments.request import Frame
from deployments.signals import ReplicaPlace

_LIMIT = 100_000


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of all prompts and answers so far, and the calls under way."""

    prompt: int
    generated: int
    under_way: int

    @property
    def tokens(self) -> int:
        """Return both together."""
        return self.prompt + self.generated


class Replica:
    """An engine behind a listener."""

    def __init__(self, pool: str, spec: SyntheticSpec) -> None:
        self.engine = SyntheticEngine(pool, pool, f"{pool}#0", spec)
        self.listener = Listener(self._answer, self._load)
        self._under_way = 0

    def computed(self) -> Computed:
        """Return the engine's own counters."""
        told = self.engine.signals()
        return Computed(
            prompt=told.prompt_tokens_total, generated=told.generated_tokens_total, under_way=self._under_way
        )

    def _load(self, yours: int) -> Load:
        return Load(in_flight=self._under_way, yours=yours, limit=_LIMIT, kv_tokens=2**20)

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        self._under_way += 1
        try:
            context = context_of(call, now_s=time.monotonic())
            async with aclosing(self.engine.generate(call.request, context)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    yield frame
        finally:
            self._under_way -= 1


async def serve(pool: str, spec: SyntheticSpec, folder: Path) -> None:
    """Serve until standard input ends."""
    replica = Replica(pool, spec)
    await replica.engine.start()
    await replica.listener.start("127.0.0.1")
    place = ReplicaPlace(replica=f"{pool}#0", address=replica.listener.address, key=replica.listener.key)
    (folder / f"{pool}.tmp").write_bytes(msgspec.json.encode(place))
    (folder / f"{pool}.tmp").rename(folder / f"{pool}.json")
    while await asyncio.to_thread(sys.stdin.readline):
        print(msgspec.json.encode(replica.computed()).decode(), flush=True)
    await replica.listener.close()
    await replica.engine.stop()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], SyntheticSpec.model_validate_json(sys.argv[2]), Path(sys.argv[3])))
