"""``tercet cost`` shows what is kept, whoever asks for it in which form."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.cli import app
from cluster.plan import GatewayPlan, Plan
from cluster.run_state import BOOK
from cluster.running_plan import RunningPlan, keep
from deployments.cost.book import Book, Entry
from deployments.cost.lines import HOUR_S, Key, Kind, Statement, Sums

NOW = int(time.time() // HOUR_S)
LINES: list[tuple[int, Kind, str, str, float]] = [
    (NOW, "used", "dense", "blue", 30.0),
    (NOW, "used", "dense", "=red()", 10.0),
    (NOW, "idle", "", "", 20.0),
    (NOW - 30, "used", "dense", "blue", 5.0),
]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "costs.sqlite"

    async def filled() -> None:
        kept = Book(path)
        lines = [
            Entry(key=Key(hour, kind, "dense", model, tenant, "usd"), sums=Sums(seconds=seconds, amount=seconds / 10),
                  cpu_seconds=2 * seconds)
            for hour, kind, model, tenant, seconds in LINES
        ]  # fmt: skip
        sold = Sums(calls=3, prompt_tokens=70, completion_tokens=9, amount=0.25)
        lines.append(Entry(key=Key(NOW, "listed", "cloud", "cloud", "blue", "eur"), sums=sold))
        await kept.write(Statement(source="one", number=1), lines, NOW)
        await kept.close()

    asyncio.run(filled())
    return path


def cost(book: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["cost", "--file", str(book), *options])


def test_groups_have_their_part_of_idle_time(book: Path) -> None:
    """The default: tenants and models of a week, as a table with the sum of all."""
    shown = cost(book)
    assert shown.exit_code == 0, shown.output
    (blue,) = [
        line.split() for line in shown.output.splitlines() if line.strip().startswith("blue") and "dense" in line
    ]
    assert blue[:2] == ["blue", "dense"]
    assert "100.0" in blue  # 2 * (30 + 15 + 5)
    assert "30.0%" in blue
    (whole,) = [line.split() for line in shown.output.splitlines() if line.strip().startswith("all")]
    assert {"130.0", "6.5", "0.25"} <= set(whole)


def test_json_says_everything_and_since_leaves_out(book: Path) -> None:
    """Sums of seconds, tokens and money, of the last hours only."""
    told = json.loads(cost(book, "--by", "tenant", "--since", "2h", "--json").stdout)
    blue = next(group for group in told["groups"] if group["tenant"] == "blue")
    assert (blue["seconds"], blue["machines"], blue["listed"]) == (45.0, {"usd": 4.5}, {"eur": 0.25})
    assert (blue["calls"], blue["prompt_tokens"], blue["completion_tokens"]) == (3, 70, 9)
    assert sum(group["seconds"] for group in told["groups"]) == 60.0


def test_csv_has_a_column_a_currency_and_no_formulas(book: Path) -> None:
    """A tenant may call itself anything."""
    rows = list(csv.DictReader(io.StringIO(cost(book, "--by", "tenant,model", "--csv", "--idle", "apart").stdout)))
    by_tenant = {(row["tenant"], row["model"]): row for row in rows}
    assert float(by_tenant["blue", "dense"]["cpu_seconds"]) == 70.0
    assert float(by_tenant["blue", "cloud"]["listed_eur"]) == 0.25
    assert float(by_tenant["(idle)", "(idle)"]["idle_cpu_seconds"]) == 40.0
    assert ("'=red()", "dense") in by_tenant


def test_a_drawing_is_one_page(book: Path, tmp_path: Path) -> None:
    """With the script that draws it, and every group by its name."""
    page = tmp_path / "cost.html"
    assert cost(book, "--plot", str(page), "--by", "tenant").exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "blue" in text
    assert "Plotly" in text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--by", "tenants"), "one or more of tenant, model, pool, hour, day"),
        (("--by", "tenant,tenant"), "each once"),
        (("--since", "yesterday"), "write a span such as"),
        (("--csv", "--json"), "exclude each other"),
    ],
)
def test_wrong_usage_says_the_way_out(book: Path, options: tuple[str, ...], told: str) -> None:
    """And exits with 2."""
    shown = cost(book, *options)
    assert shown.exit_code == 2
    assert told in " ".join(shown.output.replace("│", " ").split())


def test_the_file_that_a_run_was_told_is_found(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the run: by the plan that it has left, else in its usual place."""
    monkeypatch.setattr("cluster.commands.cost.state_dir", lambda port: tmp_path / str(port))
    for port, costs in ((8001, {"file": str(book)}), (8002, {})):
        (tmp_path / str(port)).mkdir()
        gateway = GatewayPlan(host="127.0.0.1", port=port, replicas=1, settings={})
        keep(tmp_path / str(port), RunningPlan(plan=Plan(pools=(), gateway=gateway, autoscale={}, costs=costs)))
    book_there = tmp_path / "8002" / BOOK
    book_there.write_bytes(book.read_bytes())
    for port in (8001, 8002):
        told = CliRunner().invoke(app, ["cost", "--port", str(port), "--by", "pool", "--json"])
        assert json.loads(told.stdout)["groups"][0]["seconds"] == 65.0, told.output


def test_no_file_says_where_to_look(tmp_path: Path) -> None:
    """Nothing has run on that port, or it is kept elsewhere."""
    shown = cost(tmp_path / "none.sqlite")
    assert shown.exit_code == 1
    assert "--port" in shown.output
