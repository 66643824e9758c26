"""What does a hit cost beside a generation by the demo models? ``python -m benchmarks.answer_cache_real``.

``tercet serve`` with one real engine at a time, as it ships, behind a `cache`; one client over HTTP. In every round a
few new questions are generated and kept, and one known question is asked many times. CPU is that of all processes of
the server, engine included; what the server uses at rest in the same time is taken off both, and told.
``--models dense`` measures one; the figures of the others stay.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import count
from multiprocessing import get_context
from statistics import median
from typing import Any

import httpx
import msgspec

from benchmarks.contenders.places import scratch_directory
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.served import Served, served

MODELS = ("dense", "moe", "distilled")
TOKENS = 64
LESS_CPU, FASTER = 20.0, 50.0
ROUNDS, GENERATED, FOUND, REST_S = 3, 3, 300, 5.0
_ENGINE = {"max_num_seqs": 4, "max_model_len": 1024, "kv_cache_memory_bytes": 268_435_456}
_CHAT = "/v1/chat/completions"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One way to one answer, in milliseconds, medians over rounds; ``cpu_ms`` is without what is used at rest."""

    took_ms: float
    cpu_ms: float
    cpu_all_ms: float


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One model, streamed or whole; ``rest`` is the part of a core that the server uses while nobody asks."""

    model: str
    streamed: bool
    rest: float
    generated: Cost
    found: Cost

    @property
    def less_cpu(self) -> float:
        """Return how many times less CPU a hit takes."""
        return self.generated.cpu_ms / self.found.cpu_ms

    @property
    def faster(self) -> float:
        """Return how many times sooner a hit is whole."""
        return self.generated.took_ms / self.found.took_ms


class Bench:
    """Asks one server; every question that is ``new`` is another."""

    def __init__(self, it: Served, model: str, *, streamed: bool) -> None:
        self._it, self._streamed, self._serial = it, streamed, count(1)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{it.port}", timeout=120)
        self._model = model

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def ask(self, *, new: bool) -> str:
        """Ask once, wait for the whole answer, and return what the cache had."""
        said = f"Question {next(self._serial) if new else 0}: how does a cache work?"
        body = {"model": "known", "messages": [{"role": "user", "content": said}], "max_tokens": TOKENS,
                "temperature": 0, "ignore_eos": True, "stream": self._streamed}  # fmt: skip
        answer = self._client.post(_CHAT, json=body)
        answer.raise_for_status()
        if not answer.text.rstrip().endswith("[DONE]" if self._streamed else "}"):
            raise RuntimeError(f"{self._model}: an answer is not whole")
        return answer.headers["x-tercet-cache"]

    def cost(self, times: int, rest: float, *, new: bool) -> Cost:
        """Ask so many times, one after the other, and return the cost of one."""
        cpu_s, began_s = self._it.server.cpu_s(), time.perf_counter()
        outcomes = {self.ask(new=new) for _ in range(times)}
        wall_s = time.perf_counter() - began_s
        cpu_s = self._it.server.cpu_s() - cpu_s
        if outcomes != {"miss" if new else "hit"}:
            raise RuntimeError(f"{self._model}: was {outcomes}")
        return Cost(
            took_ms=1000 * wall_s / times,
            cpu_ms=1000 * (cpu_s - rest * wall_s) / times,
            cpu_all_ms=1000 * cpu_s / times,
        )


def measure(model: str) -> Iterator[Compared]:
    """Serve one model and measure it, streamed and whole."""
    pool = {"family": model, "source": f"demo/{model}", "replicas": {"min": 1, "max": 1}, "engine": _ENGINE}
    document: dict[str, Any] = {"models": {model: pool}, "graph": {"known": {"cache": model}}, "default": "known"}
    with scratch_directory() as directory, served(document, directory) as it:
        for streamed in (True, False):
            with closing(Bench(it, model, streamed=streamed)) as bench:
                yield _compared(it, bench, model, streamed=streamed)


def _compared(it: Served, bench: Bench, model: str, *, streamed: bool) -> Compared:
    for _ in range(3):
        bench.ask(new=False)  # connections, and the answer that is known from here on
    bench.ask(new=True)
    rest = _rest(it)
    generated, found = [], []
    for _ in range(ROUNDS):
        generated.append(bench.cost(GENERATED, rest, new=True))
        found.append(bench.cost(FOUND, rest, new=False))
    return Compared(
        model=model, streamed=streamed, rest=rest, generated=_medians(generated), found=_medians(found)
    )  # fmt: skip


def _rest(it: Served) -> float:
    """Return the part of a core that everything uses while nobody asks."""
    cpu_s, began_s = it.server.cpu_s(), time.perf_counter()
    time.sleep(REST_S)
    return (it.server.cpu_s() - cpu_s) / (time.perf_counter() - began_s)


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(
        took_ms=median(one.took_ms for one in costs),
        cpu_ms=median(one.cpu_ms for one in costs),
        cpu_all_ms=median(one.cpu_all_ms for one in costs),
    )


def sheet(found: Sequence[Compared]) -> Sheet:
    """Return the table."""
    rows = []
    for one in found:
        met = one.less_cpu >= LESS_CPU and one.faster >= FASTER
        rows.append([
            f"{one.model}, {'stream' if one.streamed else 'whole'}",
            f"{one.generated.took_ms:,.0f} ms", f"{one.found.took_ms:.1f} ms", f"{one.faster:.0f}",
            f"{one.generated.cpu_ms:,.0f} ms", f"{one.found.cpu_ms:.1f} ms", f"{one.less_cpu:.0f}",
            f"{one.generated.cpu_all_ms / one.found.cpu_all_ms:.0f}", f"{one.rest:.0%}", "met" if met else "missed",
        ])  # fmt: skip
    head = [
        "answer", "generated", "found", "times faster", "CPU generated", "CPU found", "times less CPU",
        "rest included", "at rest", f"≥ {FASTER:g}, ≥ {LESS_CPU:g}",
    ]  # fmt: skip
    return Sheet(f"An answer of {TOKENS} tokens, over HTTP, one at a time", head, rows)


def _apart(model: str) -> list[Compared]:
    """Measure in a process of its own: Ray takes up one cluster's environment for as long as a process lives."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, model).result()


def _measured(model: str) -> list[Compared]:
    return list(measure(model))


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    chosen = parser.parse_args().models
    file = FOLDER / "answer_cache_real.json"
    before = msgspec.json.decode(file.read_bytes(), type=list[Compared]) if file.exists() else []
    found = [one for one in before if one.model not in chosen]
    for model in chosen:
        found += _apart(model)
    FOLDER.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])


if __name__ == "__main__":
    main()
