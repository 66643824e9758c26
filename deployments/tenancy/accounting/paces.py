"""How long a device works for a token of each model, read or written, as the latest answers tell."""

from __future__ import annotations

from dataclasses import dataclass, field

# As much of what is known goes with every new answer: the last ten or so count.
_KEPT = 0.9
# What is presumed counts as much as one answer of so many tokens of each kind, and is never forgotten: where answers
# do not tell the two apart, the presumption does.
_PRESUMED_READ, _PRESUMED_WRITTEN = 100.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of a replica for a token of the prompt, and for one of the completion."""

    prompt: float = 0.0
    completion: float = 0.0

    def seconds(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what so many tokens take."""
        return self.prompt * prompt_tokens + self.completion * completion_tokens


INSTANT = Pace()
# Of a model that has not answered: slower than replicas that are of any use, so that a budget holds from the first on.
CAUTIOUS = Pace(prompt=0.002, completion=0.02)


@dataclass(slots=True)
class _Answers:
    """Sums over a model's answers, newer ones counting more, of what differs from what is presumed of it."""

    read: float = 0.0
    both: float = 0.0
    written: float = 0.0
    read_off: float = 0.0
    written_off: float = 0.0
    pace: Pace = field(default=CAUTIOUS)

    def add(self, seconds: float, prompt: int, completion: int) -> None:
        off_s = seconds - CAUTIOUS.seconds(prompt, completion)
        self.read = _KEPT * self.read + prompt * prompt
        self.both = _KEPT * self.both + prompt * completion
        self.written = _KEPT * self.written + completion * completion
        self.read_off = _KEPT * self.read_off + prompt * off_s
        self.written_off = _KEPT * self.written_off + completion * off_s
        self.pace = self._fitted()

    def _fitted(self) -> Pace:
        """Return the pace of least squares, towards what is presumed (Hoerl and Kennard 1970); none is negative."""
        read, written = self.read + _PRESUMED_READ**2, self.written + _PRESUMED_WRITTEN**2
        whole = read * written - self.both**2
        prompt = CAUTIOUS.prompt + (written * self.read_off - self.both * self.written_off) / whole
        completion = CAUTIOUS.completion + (read * self.written_off - self.both * self.read_off) / whole
        if prompt < 0:
            prompt = 0.0
            completion = CAUTIOUS.completion + (self.written_off + CAUTIOUS.prompt * self.both) / written
        elif completion < 0:
            completion = 0.0
            prompt = CAUTIOUS.prompt + (self.read_off + CAUTIOUS.completion * self.both) / read
        return Pace(prompt=max(0.0, prompt), completion=max(0.0, completion))


class Paces:
    """Knows the pace of each model; a cautious one of a model that has not answered yet."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answers] = {}

    def of(self, model: str) -> Pace:
        """Return how long tokens take."""
        known = self._answers.get(model)
        return CAUTIOUS if known is None else known.pace

    def learn(self, model: str, seconds: float, prompt: int, completion: int) -> None:
        """Take note of an answer, of so many tokens."""
        if prompt + completion > 0:
            self._answers.setdefault(model, _Answers()).add(seconds, prompt, completion)
