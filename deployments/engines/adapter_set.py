"""The LoRA adapters of one engine, and who uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deployments.adapters import served_name
from deployments.errors import UnknownModel


@dataclass(slots=True, eq=False)
class _Held:
    release: Callable[[], None]
    users: int = 0
    retired: bool = False

    def settle(self) -> None:
        if self.retired and not self.users:
            self.release()


class AdapterSet:
    """Adapters by name. One that is taken out lives on, nameless, until the last request that uses it has ended."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._held: dict[str, _Held] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names that a new request may use."""
        return tuple(sorted(self._held))

    def put(self, name: str, release: Callable[[], None] = lambda: None) -> None:
        """Let requests use *name*; *release* is called once, after it was taken out and nobody uses it any more."""
        self.take(name)
        self._held[name] = _Held(release)

    def take(self, name: str) -> None:
        """Refuse new requests for *name*; a name that is not held is nothing to do."""
        held = self._held.pop(name, None)
        if held is not None:
            held.retired = True
            held.settle()

    @contextmanager
    def used(self, name: str) -> Iterator[None]:
        """Keep the adapter for the length of the block, "" meaning none; raises UnknownModel where it is not held."""
        held = self._held.get(name)
        if name and held is None:
            known = ", ".join(served_name(self._engine, one) for one in self.names()) or "none"
            told = f"model: {served_name(self._engine, name)} is not loaded; adapters of {self._engine}: {known}"
            raise UnknownModel(told, param="model")
        if held is None:
            yield
            return
        held.users += 1
        try:
            yield
        finally:
            held.users -= 1
            held.settle()
