"""Threads of a gateway have their turn while its event loop is busy."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from deployments.switching import switch_often


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_a_thread_is_not_kept_waiting_as_long_as_by_default() -> None:
    """How much sooner it gets the interpreter is measured by ``benchmarks.governance``; here, that it does at all."""
    default_s = sys.getswitchinterval()
    switch_often()
    assert sys.getswitchinterval() < default_s / 10
