"""Sum up how long requests turned out to be."""

from __future__ import annotations

from deployments.totals import LENGTH_BINS, LengthTotals, length_bin


class Lengths:
    """The sums behind ``LengthTotals``; one owner writes, readings are immutable."""

    __slots__ = (
        "_output", "_output_counts", "_output_squared", "_product", "_prompt", "_prompt_counts", "_prompt_squared",
        "_requests",
    )  # fmt: skip

    def __init__(self) -> None:
        self._requests = self._prompt = self._output = 0
        self._prompt_squared = self._output_squared = self._product = 0
        self._prompt_counts, self._output_counts = [0] * LENGTH_BINS, [0] * LENGTH_BINS

    def add(self, prompt: int, output: int) -> None:
        """Add one finished request's tokens."""
        self._requests += 1
        self._prompt += prompt
        self._output += output
        self._prompt_squared += prompt * prompt
        self._output_squared += output * output
        self._product += prompt * output
        self._prompt_counts[length_bin(prompt)] += 1
        self._output_counts[length_bin(output)] += 1

    def read(self) -> LengthTotals:
        """Return the sums so far; a gateway does not know what prefix caches had."""
        return LengthTotals(
            requests=self._requests,
            prompt_tokens=self._prompt,
            output_tokens=self._output,
            prompt_squared=self._prompt_squared,
            output_squared=self._output_squared,
            prompt_output=self._product,
            prompt_counts=tuple(self._prompt_counts),
            output_counts=tuple(self._output_counts),
        )
