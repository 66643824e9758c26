"""A failed deployment is told in one sentence."""

from __future__ import annotations

import pytest

from cluster.failure import cause

WRAPPED = """The deployment failed to start 3 times in a row. See controller logs for details. Error:
ray::ServeReplica:pool-dense:Engine.initialize_and_get_metadata() (pid=1)
  File "replica.py", line 1, in initialize
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "launch.py", line 1, in _checkpoint
deployments.engines.checkpoints.progress.CheckpointError: it is not there

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "replica.py", line 2
deployments.errors.EngineFailed: dense: /models/x has no config.json; give a checkpoint's directory
"""


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (WRAPPED, "dense: /models/x has no config.json; give a checkpoint's directory"),
        ("x\nValueError: bad seed\n", "ValueError: bad seed"),
        ("nothing raised here\nsecond line", "nothing raised here"),
        ("", "no reason given"),
    ],
)
def test_finds_what_was_raised_last(report: str, sentence: str) -> None:
    """The outermost wrapper's own words say nothing; the last exception does."""
    assert cause(report) == sentence


def test_is_bounded() -> None:
    """An endless message stays one line of a screen or two."""
    assert len(cause("ValueError: " + "x" * 10_000)) <= 620
