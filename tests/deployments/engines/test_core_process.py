"""A process that imports ahead of its work, and is nobody's burden when the work does not come."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from deployments.engines.ahead import started_ahead
from deployments.engines.core_process import CoreProcess
from tests.serving import until

LIGHT = "json"
PARENT = """
from deployments.engines.core_process import CoreProcess
import time
if __name__ == "__main__":
    waiting = CoreProcess({}, "json")
    print(waiting.process.pid, flush=True)
    time.sleep(600)
"""


def write(*, file: str, names: list[str]) -> None:
    """Write down what a process of its own sees."""
    here = multiprocessing.current_process()
    Path(file).write_text("\n".join([here.name, *(os.environ.get(name, "-") for name in names)]), encoding="utf-8")


def test_runs_what_it_is_given_with_the_environment_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set at its start is kept, what was set since is there too, and the exit code is the work's."""
    waiting = CoreProcess({"SET_AT_START": "1"}, LIGHT)
    assert "SET_AT_START" not in os.environ
    monkeypatch.setenv("SET_LATER", "2")
    file = tmp_path / "seen"
    assert waiting.run(write, {"file": str(file), "names": ["SET_AT_START", "SET_LATER"]})
    waiting.close()  # it belongs to whoever gave it work
    waiting.process.join(60)
    assert waiting.process.exitcode == 0
    assert file.read_text().split() == ["EngineCore", "1", "2"]


def test_work_that_fails_is_seen_in_the_exit_code(tmp_path: Path) -> None:
    """As of any child process."""
    waiting = CoreProcess({}, LIGHT)
    assert waiting.run(write, {"file": str(tmp_path / "no" / "such" / "folder"), "names": []})
    waiting.process.join(60)
    assert waiting.process.exitcode == 1


def test_a_process_that_has_died_takes_no_work(tmp_path: Path) -> None:
    """Its owner learns it at once and can start another."""
    waiting = CoreProcess({}, LIGHT)
    waiting.process.kill()
    waiting.process.join(60)
    assert not waiting.run(write, {"file": str(tmp_path / "f"), "names": []})
    waiting.close()


def test_a_process_that_cannot_import_takes_no_work(tmp_path: Path) -> None:
    """Whoever starts the work by the usual means then hears why."""
    waiting = CoreProcess({}, "no_such_module_anywhere")
    waiting.process.join(60)
    assert not waiting.run(write, {"file": str(tmp_path / "f"), "names": []})
    waiting.close()


def test_what_only_a_start_can_pass_on_is_refused() -> None:
    """Then the process has not been given anything, and ends."""
    waiting = CoreProcess({}, LIGHT)
    assert not waiting.run(write, {"file": multiprocessing.get_context("spawn").Queue(), "names": []})
    waiting.close()
    assert waiting.process.exitcode is not None


def test_ends_when_it_is_closed_or_forgotten() -> None:
    """Twice closed is closed."""
    closed, forgotten = CoreProcess({}, LIGHT), CoreProcess({}, LIGHT)
    process = forgotten.process
    closed.close()
    closed.close()
    del forgotten
    assert closed.process.exitcode is not None
    assert process.exitcode is not None


def test_ends_with_a_parent_that_was_killed() -> None:
    """kill -9 leaves nobody waiting for ever."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, within_s=30, what="the child ended")


def test_a_thread_may_start_it() -> None:
    """Replicas do everything slow in threads; the process must not leave with one that ends."""
    made: list[CoreProcess] = []
    thread = threading.Thread(target=lambda: made.append(CoreProcess({}, LIGHT)))
    thread.start()
    thread.join()
    assert made[0].process.is_alive()
    made[0].close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"distributed_executor_backend": "ray"},
        {"data_parallel_size": 2},
        {"tensor_parallel_size": "many"},
    ],
)
def test_nothing_is_started_ahead_of_an_engine_that_is_not_one_process(arguments: dict[str, object]) -> None:
    """Ray starts its ranks elsewhere, several cores have names of their own, and a wrong number is told by vLLM."""
    assert started_ahead(arguments, cores=None, local=True) is None
