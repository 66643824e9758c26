"""The autoscaler's evaluation where its traces are, and where they are not."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import autoscale
from benchmarks.autoscale_sets import CONV, SETTINGS


def test_says_what_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every workload is named with the files that are missing, and nothing is written."""
    output = tmp_path / "found.json"
    autoscale.main(["--traces", str(tmp_path), "--output", str(output)])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == sum(len(setting.workloads) for setting in SETTINGS)
    assert all("left out" in line and ".csv" in line for line in said)
    assert not output.exists()


@pytest.mark.parametrize(
    ("tune_until", "until_day", "expected"),
    [(None, math.inf, (3.5, 7.0)), (None, 4.0, (2.0, 4.0)), (3.0, math.inf, (3.0, 7.0)), (0.0, 9.0, (0.0, 7.0))],
)
def test_judges_the_second_half_unless_told(
    tune_until: float | None, until_day: float, expected: tuple[float, float]
) -> None:
    """Of a week of seven days, as far as there is any."""
    given = Namespace(tune_until=tune_until, until_day=until_day)
    begin_s, end_s = autoscale.judged(7 * autoscale.DAY_S, given)
    assert (begin_s / autoscale.DAY_S, end_s / autoscale.DAY_S) == expected


def test_nothing_left_to_judge_is_told() -> None:
    """With the option."""
    with pytest.raises(ValueError, match="--tune-until 7 leaves nothing"):
        autoscale.judged(7 * autoscale.DAY_S, Namespace(tune_until=7.0, until_day=math.inf))


def test_a_step_goes_through_with_its_stand_in(tmp_path: Path) -> None:
    """One policy on the first minutes: a table and data, marked as simulated."""
    trace = tmp_path / CONV
    trace.parent.mkdir()
    trace.write_text("t_s,input_tokens,output_tokens\n" + "".join(f"{at},{200 + at},20\n" for at in range(500)))
    output = tmp_path / "found.json"
    chosen = ["--settings", "half the room", "--policies", "hpa-knee-78", "--hindsight"]
    chosen += ["--tune-until", "0", "--until-day", "0.045"]
    autoscale.main(["--traces", str(tmp_path), "--output", str(output), *chosen])
    (found,) = json.loads(output.read_text())
    assert found["simulated"] is True
    assert found["period"] == "days 0 to 0.045"
    assert found["rows"][0]["figures"]["requests"] > 1_000
    assert "| hpa-knee-78 |" in output.with_suffix(".md").read_text()
