"""How far one set of settings has come among the gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEARD_WITHIN_S = 5.0  # a gateway reports once a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The gateways that have the settings, and those that speak and still have others."""

    wanted: int
    having: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Say whether as many gateways have it as there should be, and none has another.

        One that is being stopped keeps what it had, and answers by it, until its last request has ended.
        """
        return len(self.having) >= self.wanted and not self.others


def spread_of(status: Mapping[str, Any], wanted: int, settings: str) -> Spread:
    """Return who has *settings* by the controller's *status*; a gateway that is silent has nothing to say."""
    heard = {one["gateway"]: one["settings"] for one in status["gateways"] if one["age_s"] <= HEARD_WITHIN_S}
    return Spread(
        wanted=wanted,
        having=tuple(name for name, has in heard.items() if has == settings),
        others=tuple(name for name, has in heard.items() if has != settings),
    )
