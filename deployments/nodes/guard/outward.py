"""The way out: what can be found is looked for while the answer streams, what has to be whole is held until it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.errors import ContentRefused, EngineFailed
from deployments.graph.rewriting.writing import Chained, Watched, Written
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.held import Held
from deployments.nodes.cascade.schema import objection
from deployments.nodes.coalesce.recording import weight
from deployments.nodes.guard.inward import judged
from deployments.nodes.guard.looks import Look
from deployments.nodes.guard.spec import Check
from deployments.request import Context, Frame


class Outward:
    """The checks on one answer, the *asked*-th to a request; as a Writing it begins the rewriting of its texts."""

    def __init__(self, name: str, looks: Sequence[Look], wiring: Wiring, asked: int = 1) -> None:
        self._name, self._looks, self._wiring = name, looks, wiring
        self._branch = f"{name}.output" if asked == 1 else f"{name}.again{asked - 1}.output"
        self._seen: set[int] = set()

    def __call__(self, *, source: bool) -> Written:
        """Return the rewriting of one text by all checks that find places, one behind the other."""
        return Chained([self._link(at, look, source=source) for at, look in enumerate(self._looks) if look.finder])

    def _link(self, at: int, look: Look, *, source: bool) -> Written:
        def write(kind: str, value: str) -> str:  # noqa: ARG001 - what it was is not told
            self._note(at)
            if look.check.action == "block":
                raise ContentRefused("the answer holds what this model's policy does not let through")
            return look.check.written if look.check.action == "mask" else value

        if look.check.action in ("mask", "block"):
            return look.written(write, source=source)
        return Watched(look.finder(), write, source=source) if look.finder else look.written(write, source=source)

    def _note(self, at: int) -> None:
        check = self._looks[at].check
        if at not in self._seen or check.action == "mask":
            self._wiring.meters.screened(self._name, check.look, check.action)
        self._seen.add(at)

    async def verdict(self, held: Held, context: Context) -> tuple[str | None, dict[str, str]]:
        """Return who is to answer instead, None where the answer may go out, and what is to be told of it then.

        Raises ContentRefused where nobody is to answer.
        """
        notes: list[str] = []
        for at, look in enumerate(self._looks):
            if look.finder is None and await self._objects(at, look, held, context):
                self._note(at)
                if look.check.action == "block":
                    raise ContentRefused(_told(look.check))
            if at in self._seen:
                if look.check.to is not None:
                    return look.check.to, {}
                notes.append(f"{look.check.look} {look.check.action}")
        return None, {"guarded": ", ".join(notes)} if notes else {}

    async def _objects(self, at: int, look: Look, held: Held, context: Context) -> bool:
        if look.check.of_schema is not None:
            return not held.calls_tools and _breaks(look.check.of_schema, held.text)
        call = context.fork(f"{self._branch}{at}")
        return bool(held.text.strip()) and await judged(
            self._name, look, held.text, call, self._wiring, whose="a model"
        )


class Hold:
    """Frames of one answer that may not go out yet; raises EngineFailed for more than *most* bytes of them."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._bytes = 0
        self.held = Held()

    def take(self, frame: Frame) -> None:
        """Hold one more."""
        self._bytes += weight(frame)
        if self._bytes > self._most:
            raise EngineFailed(f"{self._name} can hold {self._most} bytes of an answer, and this one is longer")
        self.held.take(frame)


def _breaks(schema: Mapping[str, Any], text: str) -> bool:
    return objection(schema, text) is not None


def _told(check: Check) -> str:
    if check.look == "schema":
        return "the answer is not the JSON that this model is to give; ask again, or for less"
    return "the answer holds what this model's policy does not let through"
