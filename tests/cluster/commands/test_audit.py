"""``tercet audit``: check and export from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from tests.deployments.audit.keeping import answered, files, journal


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", *map(str, words)])
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kept = journal(tmp_path / "audit")
    kept.append([answered("r0"), answered("r1")])
    kept.close()
    return tmp_path / "audit"


def test_verify_says_that_nothing_is_wrong(folder: Path) -> None:
    """And with which key that was found."""
    code, told = run("verify", folder)
    assert code == 0
    assert "2 records in 1 chains, 0 told to be lost: nothing is wrong" in told
    assert "--public-key names another" in told
    assert "--public-key names another" not in run("verify", folder, "--public-key", folder / "signing.pub")[1]


def test_verify_names_the_line_that_was_changed(folder: Path) -> None:
    """And ends with 1; an export is not written then, unless it is asked for."""
    path = files(folder)[0]
    path.write_bytes(path.read_bytes().replace(b'"r0"', b'"r9"'))
    code, told = run("verify", folder)
    assert code == 1
    assert "WRONG" in told
    assert "line 3: was changed" in told
    pytest.importorskip("pyarrow")
    assert run("export", folder, folder / "out.parquet")[0] == 1
    assert not (folder / "out.parquet").exists()
    assert run("export", folder, folder / "out.parquet", "--anyway")[0] == 0
    assert (folder / "out.parquet").exists()


def test_places_are_noted_and_compared(folder: Path, tmp_path: Path) -> None:
    """What was seen before must still be there."""
    noted = tmp_path / "noted.json"
    assert run("verify", folder, "--save", noted)[0] == 0
    assert run("verify", folder, "--noted", noted)[0] == 0
    files(folder)[0].unlink()
    code, told = run("verify", folder, "--noted", noted)
    assert (code, "the chain is missing" in told) == (1, True)


@pytest.mark.parametrize("options", [("--public-key", "nowhere.pem"), ("--noted", "nowhere.json")])
def test_files_that_cannot_be_read_are_told(folder: Path, options: tuple[str, str]) -> None:
    """In one line, without a trace."""
    code, told = run("verify", folder, *options)
    assert code == 1
    assert "nowhere" in told
    assert "Traceback" not in told
