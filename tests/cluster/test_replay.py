"""What a graph would have done with recorded requests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli import app
from cluster.figures import Known, Values, known_from
from cluster.price import Price
from cluster.record_lines import LONGEST_LINE, lines_of
from cluster.replay import outcome, replayed
from deployments.graph.spec import parse_graph
from deployments.telemetry.records import Record
from tests.cluster.builders import document, model

GRAPH = {"auto": {"switch": [{"when": {"task": "code"}, "to": "dense"}, {"to": "small"}]}}
MODELS = ("dense", "small")
HI, CODE = "hi there", "Write a Python function that merges two sorted lists"


def record(prompt: str | None = HI, *, answered: str = "dense", **changed: Any) -> Record:
    """Return the record of a chat that *answered*, on the way auto > answered."""
    body = None if prompt is None else {"messages": [{"role": "user", "content": prompt}]}
    told: dict[str, Any] = {
        "request_id": "r", "at_s": 1.0, "node": "auto", "entry": "auto", "endpoint": "chat", "outcome": "ok",
        "duration_s": 3.0, "ttft_s": 1.0, "completion_tokens": 21, "prompt_tokens": 100, "model": answered,
        "path": ("auto", answered), "body": body,
    }  # fmt: skip
    return Record(**{**told, **changed})


def told(*records: Record, prices: dict[str, Price] | None = None) -> dict[str, Any]:
    return outcome(replayed(records, parse_graph(GRAPH), "auto", MODELS), prices or {}, 0)


def test_requests_that_would_go_elsewhere_are_counted() -> None:
    """A greeting to the small model, code where it went before."""
    found = told(record(), record(), record(CODE))
    assert (found["replayed"], found["changed_path"], found["changed_model"]) == (3, 2, 2)
    assert found["paths"] == [{"old": "auto>dense", "new": "auto>small", "requests": 2}]
    moves = {(one["old_model"], one["new_model"]): one["requests"] for one in found["moves"]}
    assert moves == {("dense", "small"): 2, ("dense", "dense"): 1}


def test_latency_is_estimated_from_the_records_of_the_new_model() -> None:
    """Its median speed at the length of the old answers; cost by the same tokens at the new price."""
    fast = record(CODE, answered="small", ttft_s=0.2, duration_s=0.6, completion_tokens=5)
    prices = {"dense": Price(prompt=10, completion=20)}
    (move, *_) = [one for one in told(record(), fast, prices=prices)["moves"] if one["new_model"] == "small"]
    assert (move["old_ttft_s"], move["old_duration_s"]) == (1.0, 3.0)
    assert move["new_ttft_s"] == pytest.approx(0.2, rel=0.02)
    assert move["new_duration_s"] == pytest.approx(0.2 + 20 * 0.1, rel=0.02)
    assert move["old_cost"] == pytest.approx((100 * 10 + 21 * 20) / 1e6)
    assert move["new_cost"] is None


def test_what_nobody_recorded_is_not_estimated() -> None:
    """No record of the small model, no figure."""
    (move,) = told(record())["moves"]
    assert move["new_ttft_s"] is None
    assert move["new_duration_s"] is None


def test_what_cannot_be_replayed_is_told_apart() -> None:
    """Without a body, mirrored, and to a name that is no more."""
    found = told(record(None), record(kind="shadow"), record(entry="gone"), record())
    assert (found["replayed"], found["without_body"], found["mirrored"]) == (1, 1, 1)
    assert found["unknown_entries"] == {"gone": 1}


def test_a_failure_on_the_way_is_no_change_of_the_path() -> None:
    """It says how the pools did, which a graph does not decide."""
    found = told(record(path=("auto", "small!no_replica", "dense"), answered="dense"))
    assert found["answered_after_a_failure"] == 1
    assert found["paths"] == [{"old": "auto>dense", "new": "auto>small", "requests": 1}]


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_lines_that_are_no_records_are_counted_and_passed_over(tmp_path: Path) -> None:
    """However long they are, and wherever they stand."""
    good = msgspec.json.encode(record())
    log = written(tmp_path / "log.jsonl", b"{}", good, b"\xff", b"", b'"' + b"x" * (2 * LONGEST_LINE), good)
    lines = lines_of(log)
    assert [one.request_id for one in lines] == ["r", "r"]
    assert lines.malformed == 3
    assert lines.first.startswith("log.jsonl:1: ")
    assert len(list(lines)) == 2
    assert lines.malformed == 3


def test_a_median_of_many_values_is_right_to_a_few_percent() -> None:
    """In little room, and for values far apart."""
    values = Values()
    for at in range(100_001):
        values.add(0.001 * 1.0001**at)
    assert values.median() == pytest.approx(0.001 * 1.0001**50_000, rel=0.02)
    assert len(values.counts) < 2000
    assert Values().median() is None


def test_figures_come_from_records_or_from_a_status(tmp_path: Path) -> None:
    """Anything else is refused."""
    records = written(tmp_path / "records.jsonl", *(msgspec.json.encode(record()) for _ in range(3)))
    found = known_from(records)["dense"]
    assert found.ttft_s == pytest.approx(1.0, rel=0.02)
    assert found.duration_s(11) == pytest.approx(2.0, rel=0.02)
    assert found.source == "median of 3 records"
    status = tmp_path / "status.json"
    status.write_text(json.dumps({"pools": {"dense": {"ttft": {"p50_s": 0.5}, "tpot": {"p50_s": None}}}}))
    assert known_from(status)["dense"] == Known(ttft_s=0.5, source="median of the running cluster")
    with pytest.raises(ValueError, match="neither records nor"):
        known_from(written(tmp_path / "other", b"hello"))


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A document with the graph."""
    path = tmp_path / "new.yaml"
    models = {"dense": model(slo={"ttft_p95": "2s"}), "small": model(family="distilled")}
    path.write_text(yaml.safe_dump(document(models=models, graph=GRAPH)))
    return str(path)


def test_the_command_prints_a_table_and_complains_of_bad_lines(tmp_path: Path, file: str) -> None:
    """Bad lines go to stderr and spoil nothing."""
    log = written(tmp_path / "log.jsonl", msgspec.json.encode(record()), b"nonsense")
    code, out, err = run("replay", str(log), file)
    assert code == 0
    assert "1 requests replayed: 1 take another path, 1 another model" in out
    assert "auto>dense  ->  auto>small" in out
    assert "1 lines are no records" in err
    code, out, _ = run("replay", str(log), file, "--json", "--price", "dense=1,2")
    assert json.loads(out)["malformed_lines"] == 1


def test_the_command_says_when_there_is_nothing_to_replay(tmp_path: Path, file: str) -> None:
    """A record without its text has no request in it."""
    code, _, err = run("replay", str(written(tmp_path / "log.jsonl", msgspec.json.encode(record(None)))), file)
    assert code == 1
    assert "text: true" in err
    code, _, err = run("replay", str(tmp_path / "none.jsonl"), file)
    assert code == 1
    assert "cannot be read" in err


def test_explain_says_what_to_expect(tmp_path: Path, file: str) -> None:
    """From records and prices where they are given, from the slo where there is one, else that it is unknown."""
    log = written(tmp_path / "log.jsonl", msgspec.json.encode(record()))
    known = run("explain", file, "--prompt", CODE, "--from", str(log), "--price", "dense=10,20")[1]
    assert "to expect of the first choice, dense:" in known
    assert "s (median of 1 records), promised within 2 s" in known
    assert "s for 21 tokens" in known
    unknown = run("explain", file, "--prompt", HI)[1]
    assert "to expect of the first choice, small:" in unknown
    assert unknown.count("unknown: ") == 3
    code, _, err = run("explain", file, "--prompt", HI, "--from", str(tmp_path / "none"))
    assert code == 2
    assert "--from" in err


def test_graph_draws_and_writes(tmp_path: Path, file: str) -> None:
    """As text without anything said, as SVG where a file is named."""
    assert "auto (switch)" in run("graph", file)[1]
    target = tmp_path / "graph.svg"
    assert run("graph", file, "--svg", str(target)) == (0, "", "")
    assert target.read_text().startswith("<svg ")
    code, _, err = run("graph", file, "--svg", str(tmp_path / "no" / "graph.svg"))
    assert code == 1
    assert "cannot be written" in err


def test_apply_says_in_one_sentence_that_nothing_runs(file: str) -> None:
    """Before that, a bad document is refused as everywhere."""
    code, _, err = run("apply", file, "--port", "1")
    assert code == 1
    assert err.startswith("tercet apply: no Tercet runs here")
    assert "Traceback" not in err


@pytest.mark.parametrize("at_s", ["1e12", "1e18", "1e300", "-1", "1e999"])
def test_a_time_that_no_calendar_has_is_no_record_s(tmp_path: Path, file: str, at_s: str) -> None:
    """The line is counted as malformed, and the others are replayed."""
    good = msgspec.json.encode(record())
    log = written(tmp_path / "log.jsonl", good.replace(b'"at_s":1.0', b'"at_s":' + at_s.encode()), good)
    assert log.read_bytes().count(at_s.encode()) >= 1
    code, out, err = run("replay", str(log), file, "--json")
    assert code == 0
    assert (json.loads(out)["replayed"], json.loads(out)["malformed_lines"]) == (1, 1)
    assert "log.jsonl:1: " in err


def test_a_number_of_tokens_that_no_answer_has(tmp_path: Path) -> None:
    """And latencies at the ends of what a number can say, of which the median is one as well."""
    good = msgspec.json.encode(record())
    lines = lines_of(written(tmp_path / "log.jsonl", good.replace(b":21,", b":1" + b"0" * 400 + b","), good))
    assert len(list(lines)) == lines.malformed == 1
    values = Values()
    values.add(1.7e308)
    assert values.median() == pytest.approx(1e300, rel=0.02)


@pytest.mark.parametrize(
    "pools",
    [{"a": {"ttft": {"p50_s": "x"}}}, {"a": {"ttft": [1]}}, {"a": 5}, [], None, {"a": {"tpot": {"p50_s": -1}}}],
)
def test_a_status_of_another_shape_is_refused(tmp_path: Path, file: str, pools: Any) -> None:
    """With the way out."""
    status = tmp_path / "status.json"
    status.write_text(json.dumps({"pools": pools}))
    with pytest.raises(ValueError, match=r"is not what `tercet status --json` prints .* print it anew"):
        known_from(status)
    code, _, err = run("explain", file, "--prompt", HI, "--from", str(status))
    assert (code, "--from" in err) == (2, True)


def test_figures_do_not_come_from_a_pipe(tmp_path: Path) -> None:
    """It could be read once only, and without end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="is neither a file nor a folder"):
        known_from(pipe)


def priced(tmp_path: Path, **currencies: str) -> str:
    """Return a document of remote models, each with a price in its currency."""
    models = {
        name: {
            "family": "remote", "url": "https://api.example.com/v1", "model": name,
            "price": {"input_per_million": 10, "output_per_million": 20, "currency": currency},
        }
        for name, currency in currencies.items()
    }  # fmt: skip
    path = tmp_path / "priced.yaml"
    gateway = {"remote_hosts": ["api.example.com"]}
    path.write_text(yaml.safe_dump(document(models=models, graph=GRAPH, default="auto", gateway=gateway)))
    return str(path)


def test_costs_are_told_in_their_currency(tmp_path: Path) -> None:
    """What the command line gives is in the document's unless it says another."""
    log = str(written(tmp_path / "log.jsonl", msgspec.json.encode(record())))
    euros = priced(tmp_path, dense="eur", small="eur")
    assert "0.00142 eur / 0.00142 eur" in run("replay", log, euros)[1]
    assert "0.000142 eur / 0.00142 eur" in run("replay", log, euros, "--price", "dense=1,2")[1]
    assert json.loads(run("replay", log, euros, "--json")[1])["currency"] == "eur"
    assert " eur for the prompt" in run("explain", euros, "--prompt", HI)[1]
    assert " usd for the prompt" in run("explain", euros, "--prompt", HI, "--price", "small=1,2,usd")[1]
    assert run("explain", euros, "--prompt", HI, "--price", "small=1,2,dollars")[0] == 2


def test_costs_in_two_currencies_are_not_compared(tmp_path: Path) -> None:
    """Says which, and the way out."""
    log = str(written(tmp_path / "log.jsonl", msgspec.json.encode(record())))
    mixed = priced(tmp_path, dense="eur", small="usd")
    code, _, err = run("replay", log, mixed)
    assert code == 1
    assert "dense in eur and small in usd cannot be compared; give both in one currency by --price" in err
    assert run("replay", log, mixed, "--price", "dense=11,22,usd")[0] == 0
    code, _, err = run("compare", log, "--by", "model", "--config", mixed)
    assert (code, "cannot be compared" in err) == (1, True)
