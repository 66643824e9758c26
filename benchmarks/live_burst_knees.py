"""The process that simulates knees, in simulated time: it answers as late as it does beside a controller."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor

from autoscale.capacity.knee_source import KneeQuestion
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.controller.knee_process import DEADLINE_S, KneeProcess
from autoscale.controller.knee_worker import Answer, KneeWorker, WorkerGoneError
from autoscale.fleet import Slo
from autoscale.sim.knee import SIMULATED

# Seconds on the clock until the process has loaded its compiled code, and that one answer takes.
_BEGIN_S, _EACH_S = 5.0, 0.4
_IDLE_S = 60.0
_TRIFLE = KneeQuestion(
    step=StepModel(base_s=0.01, prefill_token_s=1e-4, prefill_context_s=0.0, sequence_s=0.0, kv_token_s=0.0),
    limits=EngineLimits(slots=1),
    mix=LengthMix(prompt_mean=10.0, output_mean=1.0),
    slo=Slo(ttft_p95_s=1.0),
)
# A controller takes answers and passes questions on as often.
_STEPS_PER_S = 10


@dataclass
class LateWorker(KneeWorker):
    """Works a question out when it is asked and tells when the process would; *clock* is simulated seconds."""

    clock: Callable[[], float]
    _worked: list[Answer] = field(default_factory=list)
    _due_s: float | None = None

    def ask(self, question: KneeQuestion) -> None:
        """Work *question* out."""
        self._due_s = self.clock() + (_EACH_S if self._due_s is not None else _BEGIN_S + _EACH_S)
        self._worked.append(Answer(SIMULATED(question), "", _EACH_S))

    def answer(self) -> Answer | None:
        """Return the answer once its time has come."""
        if not self._worked or self._due_s is None or self.clock() < self._due_s:
            return None
        return self._worked.pop()

    def close(self) -> None:
        """Do nothing: there is no process."""


@dataclass
class InTime:
    """What a controller has, on a clock that goes from one decision to the next."""

    source: KneeProcess = field(init=False)
    _now_s: float | None = None

    def __post_init__(self) -> None:
        self.source = KneeProcess(clock=self._clock, _worker=LateWorker(self._clock))

    def go_on(self, at_s: float) -> None:
        """Step as often as a controller would have since the last decision."""
        began_s = at_s if self._now_s is None else self._now_s
        for number in range(1, floor(_STEPS_PER_S * (at_s - began_s) + 1e-6) + 1):
            self._now_s = min(at_s, began_s + number / _STEPS_PER_S)
            self.source.step()
        self._now_s = at_s

    def _clock(self) -> float:
        return self._now_s or 0.0


def code_is_there() -> None:
    """Have the code of simulations compiled where it is not yet, which a controller waits for once on a machine."""
    worker = KneeWorker(_IDLE_S)
    try:
        worker.ask(_TRIFLE)
        until_s = time.monotonic() + DEADLINE_S
        while worker.answer() is None:
            if time.monotonic() > until_s:
                raise TimeoutError(f"the process that simulates knees has not answered for {DEADLINE_S:g} s")
            time.sleep(0.1)
    except WorkerGoneError as gone:
        raise RuntimeError(f"the process that simulates knees {gone}") from gone
    finally:
        worker.close()
