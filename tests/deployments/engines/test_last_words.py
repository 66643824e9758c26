"""A failure is told by its cause, in one sentence."""

from __future__ import annotations

import json
import logging
import logging.config
from pathlib import Path

import pytest
from pydantic import ValidationError

from deployments.engines.last_words import LastWords, cause, sentence
from deployments.engines.synthetic_spec import StepTime

LOG = """EngineCore failed to start.
Traceback (most recent call last):
  File "core.py", line 1, in run
ValueError: Available memory on node 0 is less than requested memory for kv (9.0 GiB). Decrease it.
EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
RuntimeError: Engine core initialization failed. See root cause above.
"""


def test_the_first_exception_is_the_cause() -> None:
    """Those that follow only pass it on."""
    assert (
        cause(LOG)
        == "ValueError: Available memory on node 0 is less than requested memory for kv (9.0 GiB). Decrease it."
    )


def test_hearsay_is_no_cause() -> None:
    """That the engine is dead says nothing of why."""
    assert cause("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.") is None
    assert cause("nothing went wrong") is None


def test_an_error_becomes_one_line() -> None:
    """Type and first line, never a stack trace."""
    assert sentence(ValueError("\n  first\nsecond")) == "ValueError: first"
    assert sentence(RuntimeError()) == "RuntimeError: no message"


def test_a_validation_error_says_what_is_wrong() -> None:
    """Not that there is one error in a class nobody has heard of."""
    with pytest.raises(ValidationError) as failed:
        StepTime(base_ms=-1)
    assert sentence(failed.value) == "Input should be greater than or equal to 0"


def test_errors_logged_by_a_child_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logging configuration that children get writes errors, and only errors, where they can be read."""
    monkeypatch.delenv("VLLM_LOGGING_CONFIG_PATH", raising=False)
    words = LastWords()
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {},
        "loggers": {"vllm": {"handlers": [], "level": "INFO", "propagate": False}},
    }
    path = words.environment(config)["VLLM_LOGGING_CONFIG_PATH"]
    assert config["handlers"] == {}
    logging.config.dictConfig(json.loads(Path(path).read_text()))
    log = logging.getLogger("vllm")
    try:
        log.info("KeyError: not this")
        assert words.read() is None
        log.error("boom\nKeyError: this")
        assert words.read() == "KeyError: this"
    finally:
        for handler in list(log.handlers):
            log.removeHandler(handler)
            handler.close()
        words.close()


def test_a_logging_configuration_of_the_users_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the cause is only in the user's log."""
    monkeypatch.setenv("VLLM_LOGGING_CONFIG_PATH", "/theirs.json")
    words = LastWords()
    assert "VLLM_LOGGING_CONFIG_PATH" not in words.environment({})
    assert words.read() is None
    words.close()
