"""A whole Tercet under test: the real command as a process of its own, watched through what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cluster.ports import free_ports

TERCET = str(Path(sys.executable).with_name("tercet"))


def free_port() -> int:
    """Return a port that nothing listens on."""
    return free_ports(["it"])["it"]


def until(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Poll *condition* and return its first true value; fails by name when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s:g} s: {what}")


class Serving:
    """One ``tercet serve`` process and ways to look at it."""

    def __init__(self, config: dict[str, Any], directory: Path, *, env: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = directory / f"tercet-{self.port}.yaml"
        self.file.write_text(yaml.safe_dump(config, allow_unicode=True))
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [TERCET, "serve", str(self.file), "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _interrupt_again(self, within_s: float) -> None:
        """Press Ctrl-C a second time, once the first has been noticed."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < deadline:
            if any(line.startswith("Draining") for line in self.lines):
                self.interrupt()
                return
            time.sleep(0.05)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return "\n".join(self.lines)

    def wait_ready(self, within_s: float) -> None:
        """Wait for the greeting; fails with the output when the process ends or time runs out."""
        deadline = time.monotonic() + within_s
        while not any("Ready after" in line for line in self.lines):
            assert self.process.poll() is None, f"tercet serve ended:\n{self.output}"
            assert time.monotonic() < deadline, f"not ready in {within_s:g} s:\n{self.output}"
            time.sleep(0.2)

    def status(self) -> dict[str, Any]:
        """Return ``tercet status --json``."""
        out = subprocess.run(
            [TERCET, "status", "--port", str(self.port), "--json"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        status: dict[str, Any] = json.loads(out.stdout)
        return status

    def replicas(self, pool: str) -> list[psutil.Process]:
        """Return the processes that hold *pool*'s engines."""
        return [p for p in self.processes() if titled(p).startswith(f"ray::ServeReplica:pool-{pool}:Engine")]

    def engine_cores(self) -> list[psutil.Process]:
        """Return vLLM's own engine processes, the children of the replicas."""
        return [p for p in psutil.process_iter() if titled(p).startswith("VLLM::EngineCore")]

    def gateways(self) -> list[psutil.Process]:
        """Return the gateway processes."""
        return [p for p in self.processes() if titled(p).startswith("ray::ServeReplica:gateway:Gateway")]

    def processes(self) -> list[psutil.Process]:
        """Return every process that the cluster started."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def stop(self, within_s: float = 120.0, *, hurried: bool = False) -> int:
        """Drain, or stop at once, and wait; what is left after that is killed so that no test harms the next."""
        left = self.processes() if self.process.poll() is None else []
        if self.process.poll() is None:
            self.interrupt()
        try:
            if hurried:
                self._interrupt_again(within_s)
            return self.process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
            raise AssertionError(f"did not stop within {within_s:g} s:\n{self.output}") from None
        finally:
            for process in left:
                if process.is_running():
                    process.kill()
            self._reader.join(timeout=10)
            if self.process.stdout is not None:
                self.process.stdout.close()


def titled(process: psutil.Process) -> str:
    """Return a process's command line, "" for one that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def serving(
    config: dict[str, Any], directory: Path, *, ready_within_s: float, env: dict[str, str] | None = None
) -> Iterator[Serving]:
    """Serve *config* for the length of the block, ready at its start and stopped at once at its end."""
    one = Serving(config, directory, env=env)
    try:
        one.wait_ready(ready_within_s)
        yield one
    finally:
        one.stop(hurried=True)


def stream(
    url: str, model: str | None, prompt: str, *, after: Callable[[int], None] = lambda _: None, **body: Any
) -> list[str]:
    """Stream one chat completion and return its events; *after* is called with their number as each arrives."""
    named = {} if model is None else {"model": model}
    events: list[str] = []
    with httpx.stream(
        "POST",
        f"{url}/v1/chat/completions",
        json={**named, "messages": [{"role": "user", "content": prompt}], "stream": True, **body},
        timeout=120,
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream"), response.read()
        for line in response.iter_lines():
            if line:
                events.append(line.removeprefix("data: "))
                after(len(events))
    return events


def chat(url: str, model: str | None, prompt: str, **body: Any) -> httpx.Response:
    """Send one chat completion."""
    named = {} if model is None else {"model": model}
    return httpx.post(
        f"{url}/v1/chat/completions",
        json={**named, "messages": [{"role": "user", "content": prompt}], **body},
        timeout=120,
    )


def counted(one: Serving, series: str, **labels: str) -> float:
    """Return the value of a counter at the gateway, over all series that have *labels*."""
    text = httpx.get(f"{one.url}/metrics", timeout=30).text
    families = text_string_to_metric_families(text)
    samples = (sample for family in families for sample in family.samples if sample.name == series)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
