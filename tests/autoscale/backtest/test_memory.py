"""What was worked out before is not worked out again, as long as nothing that it follows from is another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autoscale.backtest.hindsight import finders, known
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.trial import Trial
from autoscale.backtest.yardstick import measured
from tests.simulation.small import arrivals, pool, scenario


@dataclass(frozen=True, slots=True)
class Course:
    """Something with an array in it."""

    name: str
    rates: np.ndarray


def test_an_answer_is_worked_out_once(tmp_path: Path) -> None:
    """Also by another process, which has only the file, and however the last line was cut short."""
    path, made = tmp_path / "kept.jsonl", list[int]()

    def one() -> int:
        made.append(1)
        return len(made)

    assert [Memory(path).recall("a", one), Memory(path).recall("a", one), Memory(path).recall("b", one)] == [1, 1, 2]
    with path.open("a", encoding="utf-8") as file:
        file.write('["c", 4')
    assert Memory(path).recall("b", one) == 2
    assert len(made) == 2


def test_without_a_file_nothing_is_kept() -> None:
    """Every time is a new one."""
    memory, made = Memory(), iter(range(5))
    assert [memory.recall("a", lambda: next(made)) for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("other", [Course("a", np.array([1.0, 3.0])), Course("b", np.array([1.0, 2.0])), {"a": [1.0]}])
def test_other_data_has_another_key(other: object) -> None:
    """Equal data has the same, whether it is the same object or not."""
    key = key_of("hindsight", Course("a", np.array([1.0, 2.0])), 0.999)
    assert key == key_of("hindsight", Course("a", np.array([1.0, 2.0])), 0.999)
    assert key != key_of("hindsight", other, 0.999)
    assert key != key_of("policy", Course("a", np.array([1.0, 2.0])), 0.999)  # of other code


def test_the_optimum_is_the_same_from_memory(tmp_path: Path) -> None:
    """Found again without a single replay, and simulated once more for all its figures."""
    of = Trial(name="t", scenario=scenario(pool()), arrivals={"chat": [arrivals(2000, 3.0)]})
    path, found = tmp_path / "kept.jsonl", []
    for _ in range(2):
        memory = Memory(path)
        best = known(of, measured(of, 0.9, memory), finders(0.9)["OPT90"], memory)
        assert best is not None
        found.append((best.told, of.figures(best.outcome).replica_hours, len(path.read_text().splitlines())))
    assert found[0] == found[1]
