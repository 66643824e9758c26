"""What operators ask to be forgotten, on its way to every gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

By = Literal["model", "tenant", "tag"]
BYS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """One order: forget every answer *by* the model, the tenant or the tag *name*; later ones have higher numbers.

    The number is made of the time, so that none comes twice, however often whoever gives orders begins anew.
    """

    number: int
    by: By
    name: str

    @property
    def at_s(self) -> float:
        """Return when it was ordered, in Unix seconds; another order has another time."""
        return self.number / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How far an order has come: the gateways that have carried it out, and those that have not said so yet."""

    done: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Say whether nobody is waited for; a controller that knows no gateway has just begun and waits for all."""
        return bool(self.done) and not self.waiting
