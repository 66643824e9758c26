"""What a node may use of its surroundings while it is being built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from deployments.errors import ServingError
from deployments.graph.node import Node


class EdgeObserver(Protocol):
    """Is told how each hand-over to a target ended: ``ok``, ``cancelled`` or an error's code."""

    def __call__(self, node: str, target: str, outcome: str) -> None: ...


def unobserved(node: str, target: str, outcome: str) -> None:
    """Ignore what happens on the edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The other nodes by name, and who is told about the edges between them."""

    node: Callable[[str], Node]
    observe: EdgeObserver = unobserved

    @contextmanager
    def edge(self, node: str, target: str) -> Iterator[None]:
        """Observe one hand-over from *node* to *target*, however it ends."""
        outcome = "cancelled"
        try:
            yield
            outcome = "ok"
        except ServingError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = ServingError.code
            raise
        finally:
            self.observe(node, target, outcome)
