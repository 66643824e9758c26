"""CPU time is divided into the engine's own processes and everything else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.cpu_time import Used, processes, reading, spent


def test_engine_processes_are_told_by_their_titles() -> None:
    """Engine cores and workers are engine; front ends and Ray's processes are not, whoever's children they are."""
    before = {
        (1, 0.0): Used(title="VLLM::EngineCore", cpu_s=5.0),
        (3, 0.0): Used(title="python -m api_server", cpu_s=1.0),
    }
    after = {
        (1, 0.0): Used(title="VLLM::EngineCore", cpu_s=9.0),
        (2, 1.0): Used(title="VLLM::Worker_TP0", cpu_s=2.0),
        (3, 0.0): Used(title="python -m api_server", cpu_s=1.5),
        (4, 1.0): Used(title="ray::ServeReplica:pool-dense:Engine", cpu_s=0.25),
    }
    used = spent(before, after)
    assert (used.engine_s, used.framework_s) == (6.0, 0.75)


def test_a_reused_process_id_is_another_process() -> None:
    """What the process before it used is not taken off."""
    used = spent({(1, 0.0): Used(title="a", cpu_s=50.0)}, {(1, 7.0): Used(title="a", cpu_s=1.0)})
    assert used.framework_s == 1.0


def test_a_process_that_ended_takes_nothing_back() -> None:
    """What it used is lost, and never negative."""
    assert spent({(1, 0.0): Used(title="a", cpu_s=5.0)}, {}).framework_s == 0.0


def test_an_orphan_is_found_by_its_mark() -> None:
    """A process whose parents have ended still belongs to the contender that started it."""
    mark = f"TERCET_BENCHMARK_TEST={os.getpid()}"
    name, _, value = mark.partition("=")
    orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=sys.stdin)"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as root:
        other, writer = os.pipe()
        subprocess.run([sys.executable, "-c", orphan], stdin=other, env={**os.environ, name: value}, check=True)
        try:
            found = processes(psutil.Process(root.pid), mark)
            assert root.pid in {process.pid for process in found}
            assert len(found) == 2
            assert len(reading(found)) == 2
        finally:
            os.close(writer)
            os.close(other)


def test_work_shows_on_the_clocks() -> None:
    """The clocks are those of the processes, not of the wall."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        process = psutil.Process(busy.pid)
        before, until_s = reading([process]), time.monotonic() + 30
        while spent(before, reading([process])).framework_s < 0.1:
            assert time.monotonic() < until_s
            time.sleep(0.02)
        busy.kill()
    assert reading([process]) == {}


@pytest.mark.parametrize("title", ["VLLM::EngineCore", "VLLM::EngineCore_DP0", "VLLM::Worker"])
def test_titles_of_engines(title: str) -> None:
    """Whatever number or rank follows."""
    assert Used(title=title, cpu_s=0.0).engine
