"""``tercet backtest`` and ``tercet tune`` on half an hour of traffic, with the real simulator."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli import app
from deployments.gateway.backtests import newest

DOCUMENT: dict[str, Any] = {
    "models": {
        "dense": {
            "family": "dense",
            "source": "synthetic",
            "runtime": "synthetic",
            "replicas": {"min": 1, "max": 8, "initial": 2},
            "slo": {"ttft_p95": "2s", "tpot_p95": "100ms"},
        }
    },
    "autoscale": {"policy": {"queue-drain": {}}},
}
PROFILE = "llama3-8b-a100-tp2"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "tercet.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    drawn, at_s = random.Random(5), 0.0
    lines = ["t_s,input_tokens,output_tokens"]
    while at_s < 1800:
        at_s += drawn.expovariate(6.0 if at_s < 900 else 14.0)
        lines.append(f"{at_s:.3f},{drawn.randint(50, 3000)},{drawn.randint(1, 300)}")
    path = tmp_path / "half_hour.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_compares_policies_peers_and_hindsight(document: Path, trace: Path, tmp_path: Path) -> None:
    """One row each, simulated and said to be; nothing that holds the SLO is far below the optimum; one file of HTML."""
    page = tmp_path / "report.html"
    asked = ["--policy", "config", "--policy", "hpa-knee-78", "--policy", "aibrix-kpa", "--html", page, "--json"]
    done = run("backtest", "--config", document, "--trace", trace, "--profile", PROFILE, *asked)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    rows = {row["name"]: row for row in told["rows"]}
    assert set(rows) >= {
        "queue-drain",
        "hpa-knee-78",
        "aibrix-kpa",
        "OPT99.9",
        "OPT100",
        "mean-rate oracle",
        "static p99",
    }
    assert told["simulated"] is True
    assert "Simulated, not measured" in told["calibration"]
    best = rows["OPT99.9"]
    assert told["dual_bound"]["bound"] * (1 + told["dual_bound"]["gap"]) == pytest.approx(best["figures"]["gpu_hours"])
    assert "late" in told["dual_bound"]["holds_for"]
    assert best["over_optimum"] == 1.0
    assert best["figures"]["slo"] >= 0.999
    assert best["figures"]["replica_hours"] >= 0.9 * told["pools"]["dense"]["load_bound_hours"]
    assert best["figures"]["replica_hours"] <= rows["mean-rate oracle"]["figures"]["replica_hours"] * 1.02
    (tmp_path / "report.json").write_text(done.stdout)
    shown = newest(str(tmp_path))["report"]["rows"]
    assert [(row["name"], row["slo"]) for row in shown] == [
        (row["name"], row["figures"]["slo"]) for row in told["rows"]
    ]
    html = page.read_text(encoding="utf-8")
    assert "Plotly.newPlot" in html
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)


def test_judges_only_what_comes_after_the_tuning(document: Path, trace: Path) -> None:
    """A tuned peer says which setting it was given, and all rows are of the second half."""
    asked = ["--policy", "hpa-ongoing", "--tuned", "--tune-until", "15m", "--no-hindsight", "--json"]
    done = run("backtest", "--config", document, "--trace", trace, "--profile", PROFILE, *asked)
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert [row["kind"] for row in rows] == ["peer", "tuned"]
    assert "target" in rows[1]["name"]
    assert 11_000 < rows[0]["figures"]["requests"] < 14_000  # 900 s at 14 a second


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "hpa-kne"], "did you mean"),
        (["--profile", "other=x.yaml"], "tercet profile"),
        (["--trace", "nothing.csv"], "nothing.csv"),
        (["--tuned"], "--tune-until"),
        (["--cold-start", "soon"], "a duration such as"),
        (["--began", "2024-05-10T00:00"], "with its zone"),
    ],
)
def test_says_what_is_missing(document: Path, trace: Path, arguments: list[str], said: str) -> None:
    """The message names it and the way out; nothing is simulated."""
    given = {"--trace": trace, "--profile": PROFILE} | dict(zip(arguments[::2], arguments[1::2], strict=False))
    flat = [part for pair in given.items() for part in pair]
    done = run("backtest", "--config", document, *flat, *(arguments if len(arguments) % 2 else ()))
    assert done.exit_code != 0
    assert said in " ".join(done.output.replace("│", " ").split())


SCHEDULE = {"schedule": {"shifts": [{"from": "09:00", "to": "17:00", "replicas": 6}], "otherwise": 2}}


def test_a_schedule_needs_to_know_the_time(tmp_path: Path, trace: Path) -> None:
    """Without it the option is named; with it working hours have six replicas and the night has two."""
    path = tmp_path / "tercet.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, "autoscale": {"policy": {"max": [SCHEDULE]}}}))
    asked = ("backtest", "--config", path, "--trace", trace, "--profile", PROFILE, "--policy", "config", "--json")
    unknown = run(*asked, "--no-hindsight")
    assert unknown.exit_code == 1
    assert "--began" in unknown.output
    hours = {}
    for began in ("2024-05-10T11:00Z", "2024-05-10T23:00Z"):
        done = run(*asked, "--no-hindsight", "--began", began)
        assert done.exit_code == 0, done.output
        hours[began] = json.loads(done.stdout)["rows"][0]["figures"]["replica_hours"]
    assert hours["2024-05-10T11:00Z"] > 2 * hours["2024-05-10T23:00Z"]


def test_tercets_own_record_knows_the_time(tmp_path: Path) -> None:
    """A schedule goes by the requests' own times, wherever the judged part begins; to say them again is refused."""
    log, path = tmp_path / "log.jsonl", tmp_path / "tercet.yaml"
    noon_s = 1_715_342_400.0  # 2024-05-10 12:00 UTC
    lines = [{"at_s": noon_s + at, "path": ["dense"], "prompt_tokens": 9, "completion_tokens": 9} for at in range(1200)]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shift = {"from": "12:10", "to": "17:00", "replicas": 6}
    policy = {"schedule": {"shifts": [shift], "otherwise": 2}}
    path.write_text(yaml.safe_dump({**DOCUMENT, "autoscale": {"policy": policy, "hold": {"down": "0s"}}}))
    asked = ("backtest", "--config", path, "--trace", log, "--profile", PROFILE, "--policy", "config", "--json")
    done = run(*asked, "--no-hindsight", "--tune-until", "10m")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"][0]["figures"]["replica_hours"] > 5.5 * 599 / 3600  # on duty all the time
    said = run(*asked, "--began", "2024-05-10T00:00Z")
    assert said.exit_code == 1
    assert "leave it out" in said.output


def test_a_pool_without_a_target_is_refused(tmp_path: Path, trace: Path) -> None:
    """Every request would be within it."""
    dense = {**DOCUMENT["models"]["dense"], "slo": {}}
    path = tmp_path / "tercet.yaml"
    path.write_text(yaml.safe_dump({"models": {"dense": dense}}))
    done = run("backtest", "--config", path, "--trace", trace, "--profile", PROFILE)
    assert done.exit_code == 1
    assert "models.dense.slo" in done.output


def test_tune_prints_yaml_to_paste(document: Path, trace: Path) -> None:
    """What it found is at least as good as what was there, and reads back as a document's section."""
    asked = ["--policy", "queue", "--tries", "6", "--until", "15m"]
    done = run("tune", "--config", document, "--trace", trace, "--profile", PROFILE, *asked)
    assert done.exit_code == 0, done.output
    assert "on traffic that it was not tuned on" in done.stdout
    found = yaml.safe_load(done.stdout)
    document.write_text(yaml.safe_dump({**DOCUMENT, **found}))
    assert run("check", document).exit_code == 0
