"""``tercet compare``: what two arms are found to differ in, from records on disk."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from deployments.telemetry.records import Record


def record(at: int, arm: str, **changed: Any) -> Record:
    fields: dict[str, Any] = {
        "request_id": f"{arm}-{at}",
        "at_s": float(at),
        "node": "kept",
        "entry": "auto",
        "endpoint": "chat",
        "outcome": "ok",
        "duration_s": 2.0,
        "arms": {"ab": arm},
        "model": arm,
        "ttft_s": 0.2,
        "prompt_tokens": 100,
        "completion_tokens": 50,
    }
    return Record(**{**fields, **changed})


def written(path: Path, records: list[Record]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in records))
    return path


def experiment() -> list[Record]:
    """Return an arm that is slower and fails more often than the other."""
    rng = random.Random(7)
    dense = [record(at, "dense", ttft_s=rng.expovariate(10), duration_s=rng.gauss(2, 0.2)) for at in range(300)]
    moe = [record(at, "moe", ttft_s=rng.expovariate(5), duration_s=rng.gauss(3, 0.2)) for at in range(100)]
    failed = [record(900 + at, "moe", outcome="engine_failed", ttft_s=None, completion_tokens=0) for at in range(10)]
    left = [record(950 + at, "moe", outcome="cancelled") for at in range(5)]
    wrong = [record(990 + at, "moe", outcome="invalid_request", ttft_s=None) for at in range(5)]
    return [*dense, *moe, *failed, *left, *wrong]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments])


def compared(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_finds_the_arm_that_is_worse(tmp_path):
    """The largest arm is the baseline; each difference comes with its interval."""
    (one,) = compared(str(written(tmp_path / "r.jsonl", experiment())))["experiments"]
    assert (one["name"], one["baseline"]) == ("ab", "dense")
    assert one["arms"]["moe"]["requests"] == 120
    assert one["arms"]["moe"]["error_share"]["value"] == pytest.approx(10 / 110)
    assert one["arms"]["moe"]["cancelled_share"]["value"] == pytest.approx(5 / 120)
    difference = one["differences"]["moe"]
    assert {"error_share", "ttft_p50_s", "duration_p50_s"} <= set(difference["clear"])
    assert "completion_tokens" not in difference["clear"]
    assert difference["duration_p50_s"]["low"] < 1 < difference["duration_p50_s"]["high"]
    assert one["arms"]["dense"]["cost"] is None
    assert one["arms"]["dense"]["score"] is None


def test_a_table_for_people(tmp_path):
    """A row a measure that has values, a column an arm and a difference."""
    result = run(str(written(tmp_path / "r.jsonl", experiment())))
    assert result.exit_code == 0
    assert "dense (baseline)" in result.stdout
    assert "moe − dense" in result.stdout
    assert "ttft_p95_s" in result.stdout
    assert "score" not in result.stdout


def test_cost_where_prices_are_known(tmp_path):
    """100 prompt tokens at 1 and 50 completion tokens at 4 a million."""
    path = str(written(tmp_path / "r.jsonl", experiment()))
    (one,) = compared(path, "--price", "dense=1,4")["experiments"]
    assert one["arms"]["dense"]["cost"]["value"] == pytest.approx(0.0003)
    assert one["arms"]["moe"]["cost"] is None


def test_quality_from_feedback(tmp_path):
    """Scores come by request id from a file of their own, and stand above those of the records."""
    path = written(tmp_path / "r.jsonl", [record(at, arm, score=0.0) for arm in ("a", "b") for at in range(40)])
    told = [
        {"request_id": f"{arm}-{at}", "score": 0.5 + 0.3 * (arm == "b") + at % 3 / 100}
        for arm in "ab"
        for at in range(40)
    ]
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, told)))
    (one,) = compared(str(path), "--scores", str(tmp_path / "s.jsonl"), "--baseline", "a")["experiments"]
    assert one["differences"]["b"]["score"]["value"] == pytest.approx(0.3)
    assert "score" in one["differences"]["b"]["clear"]


def test_a_folder_several_experiments_and_other_ways_to_tell_arms_apart(tmp_path):
    """Each split is an experiment of its own; shadows are told from requests."""
    written(tmp_path / "one.jsonl", [record(1, "dense"), record(2, "moe", arms={"ab": "moe", "cd": "x"})])
    written(tmp_path / "two.jsonl", [record(3, "moe", kind="shadow", arms={"sh": "moe"}, score=1.0)])
    assert [one["name"] for one in compared(str(tmp_path))["experiments"]] == ["ab", "cd"]
    (shadow,) = compared(str(tmp_path), "--by", "shadow")["experiments"]
    assert shadow["arms"]["moe"]["score"] == {"value": 1.0, "low": None, "high": None}
    (models,) = compared(str(tmp_path), "--by", "model")["experiments"]
    assert {arm: figures["requests"] for arm, figures in models["arms"].items()} == {"dense": 1, "moe": 1}


@pytest.mark.parametrize(
    ("content", "arguments", "complaint"),
    [
        (b'{"hello": 1}\n', (), "r.jsonl:1: is not a record"),
        (b"", (), "holds no record with arms to compare by split"),
        (None, (), "No such file"),
        (b"", ("--baseline", "x"), "an arm 'x'"),
    ],
)
def test_says_what_is_wrong_with_the_records(tmp_path, content, arguments, complaint):
    """One sentence and exit code 1."""
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = run(str(path), *arguments)
    assert result.exit_code == 1
    assert complaint in result.stderr


@pytest.mark.parametrize("price", ["dense", "dense=1", "dense=a,b", "=1,2", "dense=-1,2", "dense=nan,1"])
def test_refuses_a_price_that_is_none(tmp_path, price):
    """Exit code 2, as for any wrong usage."""
    result = run(str(written(tmp_path / "r.jsonl", experiment())), "--price", price)
    assert result.exit_code == 2
    assert "MODEL=PROMPT,COMPLETION" in result.stderr


def test_prices_come_from_the_document_too(tmp_path):
    """What another server charges is written there; the command line stands above it."""
    cloud = {
        "family": "remote",
        "url": "https://api.example.com/v1",
        "model": "gpt-x",
        "key": {"env": "CLOUD_KEY"},
        "price": {"input_per_million": 1, "output_per_million": 4},
    }
    document = {"models": {"dense": cloud}, "gateway": {"remote_hosts": ["api.example.com"]}}
    file = tmp_path / "tercet.yaml"
    file.write_text(json.dumps(document))
    path = str(written(tmp_path / "r.jsonl", experiment()))
    (one,) = compared(path, "--config", str(file))["experiments"]
    assert one["arms"]["dense"]["cost"]["value"] == pytest.approx(0.0003)
    (one,) = compared(path, "--config", str(file), "--price", "dense=2,8")["experiments"]
    assert one["arms"]["dense"]["cost"]["value"] == pytest.approx(0.0006)
