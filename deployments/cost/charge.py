"""What one call of a model costs, and what a request comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.remote.spec import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What was used of one model: ``seconds`` of its engine, and the devices' that these are; ``amount`` of money.

    ``currency`` is empty where nobody said what the model costs.
    """

    model: str
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    amount: float = 0.0
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a model costs: the devices of one replica, what that costs an hour, and what tokens are sold for.

    Where tokens have a price, that is what a request is told; its seconds are measured all the same.
    """

    gpus: float = 0.0
    cpus: float = 0.0
    per_hour: float | None = None
    currency: str = ""
    price: Price | None = None

    def charge(self, model: str, seconds: float, prompt_tokens: int, completion_tokens: int) -> Charge:
        """Return what a call costs."""
        amount, currency = self._money(seconds, prompt_tokens, completion_tokens)
        return Charge(
            model=model,
            seconds=seconds,
            gpu_seconds=seconds * self.gpus,
            cpu_seconds=seconds * self.cpus,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            amount=amount,
            currency=currency,
        )

    def _money(self, seconds: float, prompt_tokens: int, completion_tokens: int) -> tuple[float, str]:
        if (price := self.price) is not None:
            amount = prompt_tokens * price.input_per_million + completion_tokens * price.output_per_million
            return amount / 1e6, price.currency
        if self.per_hour is not None:
            return seconds * self.per_hour / 3600, self.currency
        return 0.0, ""


@dataclass(slots=True)
class Tally:
    """What the calls of one request came to."""

    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    amounts: dict[str, float] = field(default_factory=dict)

    def add(self, charge: Charge) -> None:
        """Add one call, or the next part of one."""
        self.gpu_seconds += charge.gpu_seconds
        self.cpu_seconds += charge.cpu_seconds
        if charge.currency:
            self.amounts[charge.currency] = self.amounts.get(charge.currency, 0.0) + charge.amount

    def sums(self) -> Mapping[str, float]:
        """Return all of it by unit: seconds of devices and, under its name, each currency."""
        seconds = {"cpu_seconds": self.cpu_seconds} if self.cpu_seconds else {}
        if self.gpu_seconds:
            seconds["gpu_seconds"] = self.gpu_seconds
        return {name: round(value, 9) for name, value in {**seconds, **self.amounts}.items()}

    def as_wire(self) -> dict[str, Any]:
        """Return what ``usage.cost`` says.

        Shares of a GPU's time are made as those of a CPU's, but have not been held against one yet.
        """
        told: dict[str, Any] = {
            "cpu_seconds": round(self.cpu_seconds, 9),
            "gpu_seconds": round(self.gpu_seconds, 9),
            "amounts": {currency: round(amount, 9) for currency, amount in self.amounts.items()},
        }
        return {**told, "unverified": ["gpu_seconds"]} if self.gpu_seconds else told
