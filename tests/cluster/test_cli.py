"""The command line: what it prints, where, and how it exits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import COMMANDS, app

ROOT = Path(__file__).parent.parent.parent
LAPTOP = str(ROOT / "examples" / "laptop.yaml")
PLAN_FOR = ["--cpus", "2", "--gpus", "0", "--memory", "24"]


def run(*arguments, text=None):
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(arguments), input=text)


@pytest.fixture
def bad(tmp_path):
    """A file with two problems."""
    path = tmp_path / "bad.yaml"
    path.write_text("models: {dense: {family: dense, source: demo/dense, replicas: {max: 0}, extra: 1}}")
    return path


def test_check_prints_the_plan_and_exits_0():
    """A sound document is printed as the plan it comes to."""
    result = run("check", LAPTOP, *PLAN_FOR)
    assert result.exit_code == 0
    assert "3 pools on 1 machine of 2 CPU, 0 GPU, 24.0 GiB" in result.stdout


def test_check_plans_for_other_machines():
    """Machines may be given instead of this one."""
    result = run("check", str(ROOT / "examples" / "gpu-cluster.yaml"), "--nodes", "4", "--cpus", "96", "--gpus", "8")
    assert result.exit_code == 0
    assert "16 GPU, 32 CPU in 16 bundles, PACK" in result.stdout


def test_check_prints_every_problem_and_exits_1(bad):
    """Problems go to stderr, one a line, with their number at the end."""
    result = run("check", str(bad))
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("models.dense.extra: is not a known key; ")
    assert lines[1:] == ["models.dense.replicas.max: 0 is less than min (1)", f"{bad}: 2 problems"]


def test_check_of_a_file_that_is_not_there_exits_1(tmp_path):
    """A missing file is a problem of the file, told in one line."""
    path = tmp_path / "none.yaml"
    result = run("check", str(path))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == f"{path}: cannot be read: No such file or directory"


def test_check_against_an_older_document_says_what_restarts(tmp_path):
    """Both documents are planned for the same machines and compared."""
    older = tmp_path / "older.yaml"
    older.write_text(
        Path(LAPTOP).read_text().replace("first_token: 10s", "first_token: 9s").replace("536870912", "268435456")
    )
    result = run("check", LAPTOP, "--against", str(older), *PLAN_FOR)
    assert result.exit_code == 0
    tail = result.stdout[result.stdout.index("changes from") :].splitlines()
    assert [line.split("  models.")[0].strip() for line in tail[1:4]] == ["restarts engines"] * 3
    assert tail[4:] == ["  in place          graph.quick.timeout.first_token: 9 -> 10"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["chek", LAPTOP],
        ["check"],
        ["check", LAPTOP, "--nodes", "0"],
        ["check", LAPTOP, "--cpus", "two"],
        ["check", LAPTOP, "--nope"],
        ["explain", LAPTOP],
        ["explain", LAPTOP, "--prompt", "x", "--header", "no-equals-sign"],
        ["explain", LAPTOP, "--prompt", "x", "--at", "teatime"],
    ],
)
def test_wrong_usage_exits_2(arguments):
    """What cannot be understood is told with the command's usage, without a trace."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert "Traceback" not in result.stderr


def test_explain_prints_the_path_and_why():
    """A greeting and a question about code part ways, with no engine running."""
    hello = run("explain", LAPTOP, "--prompt", "hello")
    code = run("explain", LAPTOP, "--prompt", "Write a Python function that reverses a list.")
    assert hello.stdout.splitlines()[0] == "path: auto > quick > distilled"
    assert code.stdout.splitlines()[0] == "path: auto > careful > dense"
    assert "judged by:" in code.stdout


def test_explain_reads_the_prompt_from_standard_input():
    """``--prompt -`` takes what is piped in."""
    result = run("explain", LAPTOP, "--prompt", "-", text="Write a Python function that reverses a list.")
    assert result.stdout.splitlines()[0] == "path: auto > careful > dense"


@pytest.mark.parametrize(
    ("options", "goes_to"),
    [
        ([], "d"),
        (["--header", "X-Tier=gold"], "a"),
        (["--tenant", "acme"], "b"),
        (["--at", "23:30"], "c"),
        (["--at", "2026-01-31T05:59+00:00"], "c"),
        (["--at", "2026-01-31T06:00"], "d"),
        (["--model", "a"], "a"),
    ],
)
def test_explain_takes_what_a_switch_asks_about(tmp_path, options, goes_to):
    """Headers, tenant and time can be given; the time is UTC."""
    path = tmp_path / "switch.yaml"
    path.write_text("""
models: {a: &m {family: dense, source: demo/dense}, b: *m, c: *m, d: *m}
graph:
  auto:
    switch:
      - {when: {header: {x-tier: gold}}, to: a}
      - {when: {tenant: acme}, to: b}
      - {when: {time_of_day: {from: 22:00, to: 06:00}}, to: c}
      - {to: d}
""")
    result = run("explain", str(path), "--prompt", "hello", *(options or ["--at", "12:00"]))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].split(" > ")[-1].removeprefix("path: ") == goes_to


def test_explain_of_an_unknown_model_exits_1():
    """A name that nothing has is told with the nearest one."""
    result = run("explain", LAPTOP, "--prompt", "x", "--model", "dens")
    assert result.exit_code == 1
    assert "did you mean dense?" in result.stderr


def test_explain_of_a_bad_document_exits_1(bad):
    """Explaining needs a sound document; its problems are printed as ``check`` prints them."""
    result = run("explain", str(bad), "--prompt", "x")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"{bad}: 2 problems"


def test_explain_needs_no_machine_that_fits():
    """A document for a GPU cluster can be explained on a laptop."""
    result = run("explain", str(ROOT / "examples" / "gpu-cluster.yaml"), "--prompt", "hello")
    assert result.stdout.splitlines()[0] == "path: auto > quick > distilled"


def test_help_lists_every_command():
    """Each command can be loaded and says what it does."""
    result = run("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in COMMANDS)


def test_version_is_the_packages():
    """``--version`` prints one line."""
    result = run("--version")
    assert (result.exit_code, result.stdout.split()[0]) == (0, "tercet")


def test_check_and_explain_load_nothing_heavy():
    """Planning needs neither Ray nor an engine's libraries, which would take seconds to import."""
    code = (
        "import sys, cluster.cli, cluster.commands.check, cluster.commands.explain\n"
        "print([name for name in ('ray', 'vllm', 'torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert found.stdout.strip() == "[]"


def test_a_pipe_gets_no_colours(bad):
    """What is not a terminal gets plain text on both streams."""
    program = [sys.executable, "-c", "from cluster.cli import main; main()"]
    good = subprocess.run([*program, "check", LAPTOP, *PLAN_FOR], capture_output=True, check=True, cwd=ROOT, timeout=60)
    wrong = subprocess.run([*program, "check", str(bad)], capture_output=True, check=False, cwd=ROOT, timeout=60)
    assert wrong.returncode == 1
    assert b"\x1b" not in good.stdout + good.stderr + wrong.stdout + wrong.stderr


def test_quantize_offers_the_schemes():
    """By name, each with what it does."""
    result = run("quantize", "--help")
    assert result.exit_code == 0
    assert "int8|int4|fp8" in result.stdout


def test_quantize_knows_its_schemes():
    """Another one is wrong usage."""
    assert run("quantize", "demo/dense", "--scheme", "int2").exit_code == 2
