"""The generator against a real server: the same synthetic engine that the benchmarks use, over a real socket."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest

from benchmarks.contenders.server import free_port
from benchmarks.figures import Figures
from benchmarks.load import Connection, drive
from benchmarks.open_loop import Asked, Plan, loaded
from benchmarks.workload import Workload
from deployments.engines.synthetic_request import count_tokens
from deployments.engines.synthetic_spec import StepTime, SyntheticSpec

SPEC = SyntheticSpec(step=StepTime(base_ms=2, per_prefill_token_us=0, per_sequence_us=0), slots=32)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A plain server with a quick engine."""
    chosen = free_port()
    command = [sys.executable, "-m", "benchmarks.plain_uvicorn", str(chosen), SPEC.model_dump_json()]
    with subprocess.Popen(command) as server:
        until_s = time.monotonic() + 30
        while time.monotonic() < until_s and server.poll() is None:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", chosen)) == 0:
                    break
            time.sleep(0.05)
        yield chosen
        server.terminate()


def load(port: int, workload: Workload) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port)],
        input=msgspec.json.encode(workload) + b"\nbegin\n", capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    ready, ended, seen = done.stdout.splitlines()
    assert (ready, ended) == (b"ready", b"ended")
    return msgspec.json.decode(seen, type=Figures)


def test_every_stream_gets_every_answer(port: int) -> None:
    """Streams times answers times tokens, none failed, over connections that are kept."""
    seen = load(port, Workload(model="dense", streams=6, answers=3, tokens=10))
    assert (seen.tokens, seen.failed, seen.faults) == (180, 0, {})
    assert 0 < seen.ttft_p50_ms <= seen.ttft_p99_ms
    assert seen.tokens_per_read >= 1.0
    assert seen.generator_share > 0


def test_an_open_loop_sends_what_is_due_and_hears_it_to_its_end(port: int) -> None:
    """None before its time; prompts of the length that was asked for, in a synthetic engine's tokens."""
    plan = Plan(model="dense", requests=[Asked(t_s=0.05 * at, characters=400, tokens=10) for at in range(8)])
    with loaded(port, plan) as waiting:
        waiting.begin()
        found = waiting.result()
    assert found.faults == []
    assert [one.tokens for one in found.answers] == [10] * 8
    assert all(one.sent_s >= asked.t_s for one, asked in zip(found.answers, plan.requests, strict=True))
    assert found.late_s == max(one.sent_s - asked.t_s for one, asked in zip(found.answers, plan.requests, strict=True))
    prompts = [msgspec.json.decode(body)["messages"][0]["content"] for body in plan.bodies()]
    assert {count_tokens(f"user: {prompt}") for prompt in prompts} == {100}
    assert len({prompt[:16] for prompt in prompts}) == 8


def test_a_server_that_hangs_up_fails_its_streams() -> None:
    """The answer under way and those that were never sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        seen = load(listener.getsockname()[1], Workload(model="dense", streams=1, answers=3, tokens=10))
    assert (seen.tokens, seen.failed) == (0, 3)


def test_a_silent_server_is_given_up() -> None:
    """What is unfinished in time stays unfinished."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection(listener.getsockname()[1], [b"{}", b"{}"])
        with closing(connection.socket):
            wall_s, _ = drive([connection], within_s=0.2)
    assert wall_s >= 0.2
    assert connection.unsent == 1
    assert connection.exchanges[0][1] == []


def test_prompts_are_fresh_and_the_same_for_everyone() -> None:
    """One seed, one set of prompts, no two alike."""
    workload = Workload(model="dense", streams=4, answers=8, seed=3)
    bodies = workload.bodies()
    assert len(set(bodies)) == 32
    assert bodies == workload.bodies()
    assert not set(bodies) & set(msgspec.structs.replace(workload, seed=4).bodies())


def _hang_up(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.recv(65_536)
    connection.close()
