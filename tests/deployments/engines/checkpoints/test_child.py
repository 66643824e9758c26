"""A build in a process of its own: passed on line by line, ended at its deadline, explained when it fails."""

import sys

import pytest

from deployments.engines.checkpoints.child import run
from deployments.engines.checkpoints.progress import CheckpointError


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def test_lines_arrive_in_order() -> None:
    """Every line of progress reaches the caller, in order."""
    lines: list[str] = []
    run(python("print('one'); print('two')"), "it", lines.append, deadline_s=60)
    assert lines == ["one", "two"]


def test_failure_carries_the_code_and_the_last_lines() -> None:
    """Standard error counts as what it said."""
    with pytest.raises(CheckpointError, match=r"exit code 3.*no room"):
        run(
            python("import sys; print('no room', file=sys.stderr); sys.exit(3)"), "it", lambda line: None, deadline_s=60
        )


def test_a_silent_child_ends_at_the_deadline() -> None:
    """A build that hangs is killed and named, whatever it was doing."""
    with pytest.raises(CheckpointError, match=r"not built within 1 s.*started"):
        run(python("import time; print('started'); time.sleep(600)"), "it", lambda line: None, deadline_s=1)
