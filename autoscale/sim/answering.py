"""Work out knees for another process: ``python -m autoscale.sim.answering SECONDS`` reads questions, writes answers.

Each is a line of JSON. The process gives way to others, and ends when its asker is gone or has not asked for so long;
with 1 where the machine has not what it needs.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any

from autoscale.capacity.knee_source import KneeQuestion, KneeSource
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Slo

_NICE = 10
# All of its requests are late on an idle engine: one simulation, which takes all the code that others take.
_TINY = KneeQuestion(
    step=StepModel(base_s=0.0, prefill_token_s=1.0, prefill_context_s=0.0, sequence_s=0.0, kv_token_s=0.0),
    limits=EngineLimits(slots=1),
    mix=LengthMix(prompt_mean=1.0, output_mean=1.0),
    slo=Slo(ttft_p95_s=0.1),
)


def main(idle_s: float) -> None:
    """Answer until nobody has asked for *idle_s*; the seconds of CPU time that an answer took are in it."""
    _give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the asker, with which this process ends
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(questions,), name="questions", daemon=True).start()
    try:
        _serve(questions, idle_s)
        code = 0
    except Exception:  # noqa: BLE001 - whatever it is, the process ends with it
        traceback.print_exc()
        code = 1
    os._exit(code)  # the thread that reads would be in the way of any other end


def _give_way() -> None:
    """Take what others leave of the processor; Ray's workers, engines among them, are nice themselves."""
    os.nice(_NICE)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _serve(questions: queue.SimpleQueue[str], idle_s: float) -> None:
    """Answer questions; loading and compiling code, which is no answer's work, comes before the first is counted."""
    from autoscale.sim.knee import SIMULATED  # noqa: PLC0415 - some seconds, in which the asker may end

    SIMULATED(_TINY)
    used_s = time.process_time()
    while True:
        try:
            line = questions.get(timeout=idle_s)
        except queue.Empty:
            return
        told = _answer(line, SIMULATED)
        before_s, used_s = used_s, time.process_time()
        sys.stdout.write(json.dumps({**told, "cpu_s": used_s - before_s}) + "\n")
        sys.stdout.flush()


def _answer(line: str, simulated: KneeSource) -> dict[str, Any]:
    """Return the knee, or why there is none: one question that goes wrong is no reason not to answer others.

    Raises MemoryError and OSError, which are the machine's fault: the same question may be answered later.
    """
    try:
        return {"knee": simulated(KneeQuestion.of(json.loads(line))).plain()}
    except (MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the asker is told
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def _read(questions: queue.SimpleQueue[str]) -> None:
    """Pass lines on; their end is that of the asker, whatever is being worked out for it."""
    for line in sys.stdin:
        questions.put(line)
    os._exit(0)


if __name__ == "__main__":
    main(float(sys.argv[1]))
