"""The trail as a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.audit.lines import Administered
from deployments.audit.parquet import export
from tests.deployments.audit.keeping import NOON_S, answered, journal

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def test_every_field_is_a_column(tmp_path: Path) -> None:
    """Requests in their order, with what they were."""
    kept = journal(tmp_path / "audit")
    kept.append([
        answered("r0", path=("auto", "dense"), notes={"guard": "pass"}, cost={"usd": 0.25}, prompt={"a": [1]}),
        answered("r1", at_s=NOON_S + 60, prompt_tokens=7, text="你好"),
    ])  # fmt: skip
    kept.close()
    assert export(tmp_path / "audit", tmp_path / "out.parquet") == 2
    first, second = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert (first["request_id"], first["path"], first["notes"]) == ("r0", ["auto", "dense"], [("guard", "pass")])
    assert (first["cost"], first["prompt"], first["at"].timestamp()) == ([("usd", 0.25)], '{"a":[1]}', NOON_S)
    assert (second["prompt_tokens"], second["text"], second["prompt"]) == (7, "你好", None)


def test_what_operators_did_is_there_too(tmp_path: Path) -> None:
    """In its place between requests, told apart by its kind."""
    kept = journal(tmp_path / "audit")
    act = Administered(
        at_s=NOON_S + 1, request_id="r1", who="acme/k1", action="key_create", outcome="ok", told={"id": "k2", "n": 3}
    )
    kept.append([answered("r0"), act, answered("r2", at_s=NOON_S + 2)])
    kept.close()
    assert export(tmp_path / "audit", tmp_path / "out.parquet") == 3
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["kind"], row["request_id"]) for row in rows] == [("answer", "r0"), ("admin", "r1"), ("answer", "r2")]
    assert (rows[1]["who"], rows[1]["action"], rows[1]["outcome"]) == ("acme/k1", "key_create", "ok")
    assert (rows[1]["told"], rows[1]["endpoint"]) == ([("id", "k2"), ("n", "3")], None)


def test_a_span_of_time(tmp_path: Path) -> None:
    """From the first moment on and before the last."""
    kept = journal(tmp_path / "audit")
    kept.append([answered(f"r{at}", at_s=NOON_S + at) for at in range(10)])
    kept.close()
    assert export(tmp_path / "audit", tmp_path / "out.parquet", since_s=NOON_S + 3, until_s=NOON_S + 6) == 3


def test_a_file_that_fails_is_not_there(tmp_path: Path) -> None:
    """Neither half of it nor a trace."""
    (tmp_path / "audit").mkdir()
    with pytest.raises(OSError, match="nowhere"):
        export(tmp_path / "audit", tmp_path / "nowhere" / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]
