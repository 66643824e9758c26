"""One branch's answer, counted frame by frame, and paid for a little ahead, so that most frames wait for nothing."""

from __future__ import annotations

from deployments.errors import ServingError
from deployments.request import Frame
from deployments.tenancy.accounting.estimate import Estimate
from deployments.tenancy.accounting.tariff import Tariff
from deployments.tenancy.branch import Branch
from deployments.tenancy.limits.usage import NOTHING

AHEAD = 16
# Tokens that an engine may have made beyond those seen by the time it hears that nobody waits for more.
ON_THE_WAY = 16


class Meter:
    """Pays for an answer from *branch*; the prompt before it begins, as estimated until the engine has counted it.

    So is the device's time, which the last frame tells. What was paid ahead and did not come is taken back by ``end``.
    Where frames tell of *stride* tokens at a time and nothing bounds the answer, the next stride is paid for before it
    is made. An answer that is not read to its end is charged for as many *unseen* tokens more, as far as it may have
    them. Of one that is *blind* all that is expected is charged unless it is told what it came to.
    """

    def __init__(
        self, branch: Branch, tariff: Tariff, expected: Estimate, stride: int = 0,
        *, unseen: int = 0, blind: bool = False,
    ) -> None:  # fmt: skip
        self._branch, self._tariff, self._most = branch, tariff, expected.completion
        self.told, self.bound = False, expected.prompt_most - expected.added
        self._prompt, self._completion, self._stride = expected.prompt, 0, stride
        self._paid = self._paid_prompt = -1
        self._unseen, self._unbounded, self._secured, self._cut = unseen, stride > 0, 0, False
        self._ahead, self._begun, self._heard, self._blind = AHEAD, False, False, blind
        self.seconds: float | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """Return the tokens that were counted, of the prompt and of the completion."""
        return self._prompt, self._completion

    @property
    def tokens(self) -> int:
        """Return the tokens that were counted, of prompt and completion."""
        return self._prompt + self._completion

    async def begin(self, now_us: int) -> None:
        """Have the prompt charged whatever comes of it: from now on an engine may be reading it."""
        await self.pay(now_us)
        self._begun = True

    def failed(self) -> None:
        """Have nothing charged where no frame has come: who was turned away, or whose engine broke, pays nothing."""
        if not self._cut:
            self._begun, self._unseen = self._heard, 0

    def saw(self, frame: Frame) -> bool:
        """Count *frame*, and say whether it is paid for."""
        self._begun = self._heard = True
        # A head is that of an answer which begins, anew where its replica was lost before anything was delivered.
        self._completion = frame.tokens if frame.head is not None else self._completion + frame.tokens
        if frame.prompt_tokens is not None:
            self._prompt, self._paid_prompt, self.told = frame.prompt_tokens, -1, True
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
            self._cut = True
            if ahead == least:
                raise
            await self._reach(least, now_us)
        self._cut = False

    def end(self) -> None:
        """End the branch at what was counted, and may have been made; at nothing where no engine was asked."""
        came = self._completion if self.told else self._made()
        self._branch.correct(self._tariff.usage(self._prompt, came, self.seconds) if self._begun else NOTHING)
        self._branch.leave()

    def _made(self) -> int:
        """Return how many tokens there may be of an answer whose end was not seen; what is held has room for them."""
        most = self._secured if self._unbounded else self._most
        return max(self._completion, most if self._blind else min(self._completion + self._unseen, most))

    async def _reach(self, completion: int, now_us: int) -> None:
        # Noted even where it fails: what came was made.
        self._paid, self._paid_prompt = -1, self._prompt
        await self._branch.reach(self._tariff.usage(self._prompt, completion, self.seconds), now_us)
        self._paid = self._secured = completion
