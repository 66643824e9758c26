"""One branch's answer, counted frame by frame, and paid for a little ahead, so that most frames wait for nothing."""

from __future__ import annotations

from deployments.errors import ServingError
from deployments.request import Frame
from deployments.tenancy.accounting.estimate import Estimate
from deployments.tenancy.accounting.tariff import Tariff
from deployments.tenancy.grant import Branch

AHEAD = 16


class Meter:
    """Pays for an answer from *branch*; the prompt at the first frame, as estimated until the engine has counted it.

    So is the device's time, which the last frame tells. What was paid ahead and did not come is taken back by ``end``.
    Where frames tell of *stride* tokens at a time and nothing bounds the answer, the next stride is paid for before it
    is made.
    """

    def __init__(self, branch: Branch, tariff: Tariff, expected: Estimate, stride: int = 0) -> None:
        self._branch, self._tariff, self._most = branch, tariff, expected.completion
        self._prompt, self._completion, self._stride = expected.prompt, 0, stride
        self._paid = self._paid_prompt = -1
        self._ahead, self._begun, self._heard = AHEAD, False, False
        self.seconds: float | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """Return the tokens that were counted, of the prompt and of the completion."""
        return self._prompt, self._completion

    @property
    def tokens(self) -> int:
        """Return the tokens that were counted, of prompt and completion."""
        return self._prompt + self._completion

    def begin(self) -> None:
        """Have the prompt charged whatever comes of it: from now on an engine may be reading it."""
        self._begun = True

    def failed(self) -> None:
        """Have nothing charged where no frame has come: who was turned away, or whose engine broke, pays nothing."""
        self._begun = self._heard

    def saw(self, frame: Frame) -> bool:
        """Count *frame*, and say whether it is paid for."""
        self._begun = self._heard = True
        # A head is that of an answer which begins, anew where its replica was lost before anything was delivered.
        self._completion = frame.tokens if frame.head is not None else self._completion + frame.tokens
        if frame.prompt_tokens is not None:
            self._prompt, self._paid_prompt = frame.prompt_tokens, -1
            self._ahead = self._stride = 0
            self.seconds = frame.seconds or None
        return self._completion + self._stride <= self._paid and self._prompt == self._paid_prompt

    async def pay(self, now_us: int) -> None:
        """Pay for what was counted and a little more; raises as ``Branch.spend`` where the first cannot be."""
        least = self._completion + self._stride
        ahead = least + self._ahead
        if least <= self._most:
            ahead = min(ahead, self._most)
        try:
            await self._reach(ahead, now_us)
        except ServingError:
            if ahead == least:
                raise
            await self._reach(least, now_us)

    def end(self) -> None:
        """End the branch at what was counted; at nothing where no engine was asked."""
        if self._begun:
            self._branch.correct(self._tariff.usage(self._prompt, self._completion, self.seconds))
        self._branch.leave()

    async def _reach(self, completion: int, now_us: int) -> None:
        # Noted even where it fails: what came was made.
        self._paid, self._paid_prompt = -1, self._prompt
        await self._branch.reach(self._tariff.usage(self._prompt, completion, self.seconds), now_us)
        self._paid = completion
