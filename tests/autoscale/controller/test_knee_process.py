"""Knees from another process: soon provisional, later simulated, and formulas when it fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion, analytic
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.controller import knee_process
from autoscale.controller.cpu_budget import CpuBudget
from autoscale.controller.knee_process import KneeProcess
from autoscale.controller.knee_worker import Answer, KneeWorker, WorkerGoneError
from autoscale.fleet import Slo

ASKED = KneeQuestion(
    step=StepModel(base_s=0.01, prefill_token_s=2e-5, prefill_context_s=0, sequence_s=2e-4, kv_token_s=1e-7),
    limits=EngineLimits(slots=64, batched_tokens=2048, kv_tokens=200_000),
    mix=LengthMix(prompt_mean=500, output_mean=100, prompt_cv=0.5, output_cv=0.5),
    slo=Slo(ttft_p95_s=1.0, tpot_p95_s=0.05),
)
OTHER = replace(ASKED, limits=replace(ASKED.limits, slots=32))
PLENTY = CpuBudget(1.0, 1e9)


def traffic(at: int) -> KneeQuestion:
    """Return a question of the same engines with other requests."""
    return replace(ASKED, mix=replace(ASKED.mix, prompt_mean=ASKED.mix.prompt_mean + at))


@pytest.fixture
def process() -> Iterator[KneeProcess]:
    """Yield one, and end what it has begun."""
    one = KneeProcess(budget=replace(PLENTY))
    yield one
    one.close()


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait for *condition*."""
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, "it has not come"
        time.sleep(0.02)


def settled(process: KneeProcess, asked: KneeQuestion = ASKED) -> Knee:
    """Ask until the answer is more than provisional; code may have to be compiled first."""
    until(lambda: not process(asked).provisional, within_s=150.0)
    return process(asked)


def worker_of(process: KneeProcess) -> psutil.Process:
    """Return the process that works."""
    assert process._worker is not None
    return psutil.Process(process._worker.pid)


def test_nothing_is_begun_before_somebody_asks(process: KneeProcess) -> None:
    """A fleet whose policies need no knees has one process less."""
    assert process._worker is None


def test_formulas_answer_until_the_simulation_has(process: KneeProcess) -> None:
    """The first answer is the formula's; the next question's is corrected by how far off that was."""
    first = process(ASKED)
    assert (first.provisional, first.rate_rps) == (True, analytic(ASKED).rate_rps)
    found = settled(process)
    assert found.rate_rps > 0
    other = replace(ASKED, replicas=2)
    guess = process(other)
    assert guess.provisional
    assert guess.rate_rps == pytest.approx(analytic(other).rate_rps * found.rate_rps / first.rate_rps)
    assert settled(process, other).rate_rps > found.rate_rps


def test_the_last_simulation_stands_in_for_requests_that_are_a_little_longer(process: KneeProcess) -> None:
    """No formula is asked then; it is for requests of which no simulation says anything."""
    found = settled(process)
    longer = replace(ASKED, mix=replace(ASKED.mix, prompt_mean=550, output_mean=110))
    guess = process(longer)
    assert guess.provisional
    assert 0.8 * found.rate_rps < guess.rate_rps < 0.97 * found.rate_rps
    assert guess.utilization == pytest.approx(guess.rate_rps * guess.work_s)
    assert not process._guesses
    process(replace(ASKED, mix=replace(ASKED.mix, prompt_mean=1500, output_mean=300)))
    assert process._guesses


def test_the_process_knows_nothing_of_the_one_that_asks(process: KneeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of its files and nothing of Ray's, which would take the process for a worker of its own; and it is nice."""
    monkeypatch.setenv("RAY_JOB_ID", "1")
    with socket.create_server(("127.0.0.1", 0)) as kept:
        kept.set_inheritable(True)
        settled(process)
        worker = worker_of(process)
        assert not worker.net_connections()
    assert "RAY_JOB_ID" not in worker.environ()
    assert worker.nice() >= min(19, psutil.Process().nice() + 10)
    if sys.platform == "linux":
        assert os.sched_getscheduler(worker.pid) == os.SCHED_IDLE
    assert not [one.path for one in worker.memory_maps() if "/ray/" in one.path]


def test_a_process_that_dies_is_begun_again_some_time_later(process: KneeProcess) -> None:
    """Meanwhile formulas answer; the second time that takes twice as long."""
    now_s = [0.0]
    process.clock = lambda: now_s[0]
    for wait_s in (knee_process.AGAIN_AFTER_S, 2 * knee_process.AGAIN_AFTER_S):
        process(ASKED)
        worker_of(process).kill()
        until(lambda: process(ASKED).provisional and process._worker is None)
        now_s[0] += wait_s - 1
        assert process(ASKED).provisional
        assert process._worker is None
        now_s[0] += 1
        assert process(ASKED).provisional
        assert process._worker is not None


def test_one_that_is_late_is_ended(process: KneeProcess) -> None:
    """After the deadline nobody waits for it any more."""
    now_s = [0.0]
    process.clock = lambda: now_s[0]
    process(ASKED)
    now_s[0] = knee_process.DEADLINE_S + 1
    assert process(replace(ASKED, replicas=3)).provisional
    assert process._worker is None


def test_one_that_has_ended_for_want_of_questions_is_begun_with_the_next(process: KneeProcess) -> None:
    """That is no failure."""
    process.idle_s = 0.2
    settled(process)
    worker = worker_of(process)
    until(lambda: not worker.is_running())
    assert settled(process, replace(ASKED, replicas=2)).rate_rps > 0


def test_a_question_that_goes_wrong_is_answered_by_formulas_for_good(process: KneeProcess) -> None:
    """Others are answered by the same process."""
    wrong = replace(ASKED, limits=replace(ASKED.limits, block_tokens=0))
    assert settled(process, wrong) == analytic(wrong)
    worker = worker_of(process)
    assert settled(process).rate_rps > 0
    assert worker_of(process) == worker


def test_simulations_take_no_more_of_the_machine_than_they_may(process: KneeProcess) -> None:
    """What the first one took has to be paid back before the next."""
    now_s = [0.0]
    process.clock, process.budget = lambda: now_s[0], CpuBudget(0.01, 0.001)
    settled(process)
    other = replace(ASKED, replicas=2)
    assert process(other).provisional
    assert process._under_way is None
    now_s[0] = 1e6
    assert process(other).provisional
    assert process._under_way is not None


def test_a_step_brings_the_next_answer(process: KneeProcess) -> None:
    """Nobody has to ask again."""
    other = replace(ASKED, replicas=2)
    process.stale_s = 300.0
    assert process(ASKED).provisional
    assert process(other).provisional

    def stepped() -> bool:
        process.step()
        return not process._waiting

    until(stepped, within_s=150.0)
    assert not process(ASKED).provisional
    assert not process(other).provisional


def test_what_nobody_asks_any_more_is_not_worked_out(process: KneeProcess) -> None:
    """Who has asked of the next traffic instead does not wait for the answer on the last."""
    now_s = [0.0]
    process.clock = lambda: now_s[0]
    process(OTHER)
    first, second = traffic(1), traffic(2)
    process(first)
    while now_s[0] <= process.stale_s:
        process(second)
        now_s[0] += 1.0

    def done() -> bool:
        process.step()
        return not process._waiting

    until(done, within_s=150.0)
    assert set(process._known) == {OTHER, second}


def test_new_questions_of_some_engines_do_not_keep_others_waiting(process: KneeProcess) -> None:
    """A question of others is answered after that which was under way."""
    at, answers = 5, 0
    for before in range(at):
        process(traffic(before))
    assert process(OTHER).provisional

    def answered() -> bool:
        nonlocal at, answers
        at, known = at + 1, len(process._known)
        process(traffic(at))
        answers += len(process._known) - known
        assert answers <= 2
        return not process(OTHER).provisional

    until(answered, within_s=150.0)
    assert set(process._known) == {traffic(0), OTHER}


def test_a_question_that_ends_the_process_does_not_keep_others_waiting(process: KneeProcess) -> None:
    """It is the others' turn when the process is begun again."""
    now_s = [0.0]
    process.clock, process.stale_s = lambda: now_s[0], 2 * knee_process.AGAIN_AFTER_S
    process(ASKED)
    process(OTHER)
    worker_of(process).kill()

    def ended() -> bool:
        process.step()
        return process._worker is None

    until(ended)
    assert list(process._waiting) == [OTHER]
    process(ASKED)
    now_s[0] += knee_process.AGAIN_AFTER_S
    process.step()
    assert process._under_way is not None
    assert process._under_way[0] == OTHER


def test_formulas_for_good_are_corrected_as_others_are(process: KneeProcess) -> None:
    """What is shown does not jump because there will be no better answer."""
    settled(process)
    (ratio,) = process._ratios.values()
    no_counts: Any = ("none",)
    wrong = replace(ASKED, mix=replace(ASKED.mix, prompt_mean=2000, output_mean=400, prompt_counts=no_counts))
    shown = process(wrong)
    found = settled(process, wrong)
    assert ratio != 1.0
    assert found.rate_rps == shown.rate_rps == pytest.approx(ratio * analytic(wrong).rate_rps)


@pytest.fixture
def worker() -> Iterator[KneeWorker]:
    """Yield one, and end it."""
    one = KneeWorker(60.0)
    yield one
    one.close()


def told(worker: KneeWorker, asked: KneeQuestion) -> Answer:
    """Ask, and wait for the answer."""
    found: list[Answer] = []

    def answered() -> bool:
        found.extend(filter(None, [worker.answer()]))
        return bool(found)

    worker.ask(asked)
    until(answered, within_s=150.0)
    return found[0]


def test_loading_code_is_no_part_of_the_first_answer(worker: KneeWorker) -> None:
    """Two much the same questions take much the same time, the first and the second."""
    first, second = told(worker, traffic(0)), told(worker, traffic(1))
    assert 0 < first.cpu_s < 2.5 * second.cpu_s


def test_want_of_memory_ends_the_process(worker: KneeWorker) -> None:
    """It is no answer for good: the machine may have more another time."""
    with pytest.raises(WorkerGoneError) as gone:
        told(worker, replace(ASKED, replicas=10**13))
    assert not gone.value.resting


@pytest.mark.parametrize("line", [b'{"knee": {"rate_', b"{}", b'{"error": "", "cpu_s": null}', b"[]"])
def test_half_a_line_is_no_answer(worker: KneeWorker, line: bytes) -> None:
    """The process that wrote it has ended."""
    worker._answers.put(line)
    worker.close()
    with pytest.raises(WorkerGoneError) as gone:
        worker.answer()
    assert not gone.value.resting


def test_close_ends_the_process(process: KneeProcess) -> None:
    """And may be called again."""
    process(ASKED)
    worker = worker_of(process)
    process.close()
    process.close()
    assert not worker.is_running()


ASKING = """
import time
from tests.autoscale.controller.test_knee_process import ASKED, KneeProcess
process = KneeProcess()
process(ASKED)
print(process._worker.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_with_its_asker_even_when_that_is_killed() -> None:
    """Whatever it is doing."""
    with subprocess.Popen([sys.executable, "-c", ASKING], stdout=subprocess.PIPE, text=True) as asker:
        try:
            assert asker.stdout is not None
            worker = psutil.Process(int(asker.stdout.readline()))
        finally:
            asker.send_signal(signal.SIGKILL)
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
