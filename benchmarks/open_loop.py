"""An open-loop load generator, a process of its own: ``python -m benchmarks.open_loop PORT`` with a plan on its input.

Requests are sent when the plan says, whatever has become of those before. It says ``ready``, waits for a line, says
``ended`` when the last answer is in, and then reads what it has kept.
"""

from __future__ import annotations

import contextlib
import gc
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from subprocess import PIPE
from typing import IO, cast

import msgspec

from benchmarks.answers import read
from benchmarks.contenders.places import ROOT
from benchmarks.load import ANSWER_S, Connection
from benchmarks.workload import chat

# What a chat of one message says before its content, for engines that count four characters as a token.
_ROLE = len("user: ")
_FILLING = "all of this is only here to be read. "


class Asked(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One request, *t_s* after the beginning: a prompt of so many *characters*, an answer of so many *tokens*."""

    t_s: float
    characters: int
    tokens: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in order of time; the same *seed* gives the same prompts, no two of which begin alike."""

    model: str
    requests: list[Asked]
    seed: int = 0

    def bodies(self) -> Iterator[bytes]:
        """Render every request."""
        rng = Random(self.seed)  # noqa: S311 - prompts, no secret
        for one in self.requests:
            yield msgspec.json.encode(chat(self.model, _text(rng, one.characters), tokens=one.tokens))


class Heard(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One answer; times are from the beginning of the plan. ``fault`` says what was wrong with it, "" for nothing."""

    sent_s: float
    first_s: float | None
    ended_s: float
    tokens: int
    fault: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer, in the order of the plan; the share of a core that the generator used; the latest sending."""

    began_s: float
    answers: list[Heard]
    cpu_share: float
    late_s: float

    @property
    def faults(self) -> list[str]:
        """Return what was wrong with answers that were not whole."""
        return [one.fault for one in self.answers if one.fault]


@dataclass(slots=True)
class Load:
    """A generator that is ready; ``begin`` starts it, ``result`` waits for its end."""

    _process: subprocess.Popen[bytes]

    def begin(self) -> None:
        """Send the first request."""
        self._tell(b"begin")

    @property
    def over(self) -> bool:
        """Say whether the last answer is in."""
        return bool(select.select([cast("IO[bytes]", self._process.stdout)], [], [], 0)[0])

    def result(self) -> Result:
        """Return what was heard; waits for the last answer. Raises RuntimeError where the generator failed."""
        self._expect(b"ended")
        return msgspec.json.decode(cast("IO[bytes]", self._process.stdout).read(), type=Result)

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            cast("IO[bytes]", self._process.stdin).write(line + b"\n")
            cast("IO[bytes]", self._process.stdin).flush()

    def _expect(self, line: bytes) -> None:
        if cast("IO[bytes]", self._process.stdout).readline().strip() != line:
            self._process.kill()
            _, said = self._process.communicate(timeout=10)
            raise RuntimeError(f"the load generator ended: {said.decode('utf-8', 'replace')[-600:]}")


@contextlib.contextmanager
def loaded(port: int, plan: Plan) -> Iterator[Load]:
    """Have a generator ready to send *plan* for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.open_loop", str(port)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT) as process:
        try:
            load = Load(process)
            load._tell(msgspec.json.encode(plan))
            load._expect(b"ready")
            yield load
        finally:
            process.kill()


def drive(port: int, due_s: Sequence[float], bodies: Sequence[bytes], began_s: float) -> list[Connection]:
    """Send each body when it is due after *began_s* on this process's clock, and hear every answer to its end."""
    poll, open_, sent = select.epoll(), dict[int, Connection](), list[Connection]()
    left, until_s = deque(due_s), began_s + (due_s[-1] if due_s else 0.0) + ANSWER_S
    while (left or open_) and time.perf_counter() < until_s:
        while left and began_s + left[0] <= time.perf_counter():
            left.popleft()
            connection = Connection(port, [bodies[len(sent)]])
            connection.send()
            sent.append(connection)
            open_[connection.socket.fileno()] = connection
            poll.register(connection.socket, select.EPOLLIN)
        wait_s = began_s + left[0] - time.perf_counter() if left else 1.0
        for descriptor, _ in poll.poll(max(0.0, min(1.0, wait_s))):
            if not _goes_on(open_[descriptor]):
                poll.unregister(descriptor)
                open_.pop(descriptor).socket.close()
    poll.close()
    return sent


def _goes_on(connection: Connection) -> bool:
    try:
        return connection.receive()
    except ConnectionError:
        return False


def _heard(connection: Connection, asked: Asked, began_s: float) -> Heard:
    sent_s, pieces = connection.exchanges[0]
    answer = read(sent_s, pieces, tokens=asked.tokens)
    return Heard(
        sent_s=sent_s - began_s,
        first_s=answer.arrivals_s[0] - began_s if answer.arrivals_s else None,
        ended_s=answer.ended_s - began_s,
        tokens=answer.tokens,
        fault=answer.fault,
    )


def _text(rng: Random, characters: int) -> str:
    """Return a text that begins with a number of its own and makes a chat of so many characters."""
    length = max(1, characters - _ROLE)
    return (f"{rng.getrandbits(64):016x} " + _FILLING * (length // len(_FILLING) + 1))[:length]


def main() -> None:
    """Serve one plan."""
    port, plan = int(sys.argv[1]), msgspec.json.decode(sys.stdin.readline(), type=Plan)
    bodies = list(plan.bodies())
    print("ready", flush=True)
    sys.stdin.readline()
    gc.disable()  # a collection in the middle would be seen as a delay
    unix_s, began_s, cpu_s = time.time(), time.perf_counter(), time.process_time()
    sent = drive(port, [one.t_s for one in plan.requests], bodies, began_s)
    share = (time.process_time() - cpu_s) / (time.perf_counter() - began_s)
    print("ended", flush=True)
    answers = [_heard(one, asked, began_s) for one, asked in zip(sent, plan.requests, strict=False)]
    late_s = max((one.sent_s - asked.t_s for one, asked in zip(answers, plan.requests, strict=False)), default=0.0)
    found = Result(began_s=unix_s, answers=answers, cpu_share=share, late_s=late_s)
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
