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

    def times(self, spread: float) -> Pace:
        """Return one so many times as slow."""
        return Pace(prompt=self.prompt * spread, completion=self.completion * spread)


INSTANT = Pace()
# How far answers lie apart is forgotten slowly: an engine that is shared by many does a token in a tenth of the time
# that it takes when it is alone, and either lasts for a while.
_SPREAD_KEPT = 0.98
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
    most: Pace = field(default=CAUTIOUS)

    def add(self, seconds: float, prompt: int, completion: int) -> None:
        off_s = seconds - CAUTIOUS.seconds(prompt, completion)
        self.read = _KEPT * self.read + prompt * prompt
        self.both = _KEPT * self.both + prompt * completion
        self.written = _KEPT * self.written + completion * completion
        self.read_off = _KEPT * self.read_off + prompt * off_s
        self.written_off = _KEPT * self.written_off + completion * off_s
        held_s = self.most.seconds(prompt, completion)
        self.pace = self._fitted()
        usual_s = self.pace.seconds(prompt, completion)
        if usual_s > 0:
            self.most = self.pace.times(max(1.0, seconds / usual_s, 1.0 + (held_s / usual_s - 1.0) * _SPREAD_KEPT))

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
    """Knows the pace of each model, a cautious one of a model that has not answered yet, and what its template adds."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answers] = {}
        self._beyond: dict[str, int] = {}

    def of(self, model: str) -> Pace:
        """Return how long tokens take."""
        known = self._answers.get(model)
        return CAUTIOUS if known is None else known.pace

    def most(self, model: str) -> Pace:
        """Return how long tokens may take: as long as the slowest of late."""
        known = self._answers.get(model)
        return CAUTIOUS if known is None else known.most

    def beyond(self, model: str) -> int:
        """Return by how many tokens its prompts have been longer than anything in a body lets expect."""
        return self._beyond.get(model, 0)

    def read(self, model: str, prompt: int, most: int) -> None:
        """Take note that a prompt had so many tokens where *most* were expected."""
        kept = int(self.beyond(model) * _SPREAD_KEPT)
        if kept or prompt > most:
            self._beyond[model] = max(prompt - most, kept)

    def learn(self, model: str, seconds: float, prompt: int, completion: int) -> None:
        """Take note of an answer, of so many tokens."""
        if prompt + completion > 0:
            self._answers.setdefault(model, _Answers()).add(seconds, prompt, completion)
