"""What a healing run depends on besides its data; free of torch, so that a command line can show the defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The same recipe, data, machine and thread count give the same bytes."""

    steps: int = 120
    batch: int = 4  # packed rows a step
    rank: int = 16
    learning_rate: float = 1e-3
    seed: int = 0
