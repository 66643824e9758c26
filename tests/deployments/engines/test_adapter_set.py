"""Which adapters an engine may use, and when one is let go."""

from __future__ import annotations

import pytest

from deployments.engines.adapter_set import AdapterSet
from deployments.errors import UnknownModel


def test_an_adapter_that_is_taken_out_lives_until_its_last_user_has_ended() -> None:
    """New requests are refused at once; the release comes once, after the last one."""
    adapters, released = AdapterSet("dense"), []
    adapters.put("a", lambda: released.append("a"))
    with adapters.used("a"):
        with adapters.used("a"):
            adapters.take("a")
            assert adapters.names() == ()
            with pytest.raises(UnknownModel), adapters.used("a"):
                pass
        assert released == []
    assert released == ["a"]


def test_an_unused_adapter_is_released_when_it_is_taken_out() -> None:
    """And taking it out twice is nothing to do."""
    adapters, released = AdapterSet("dense"), []
    adapters.put("a", lambda: released.append("a"))
    adapters.take("a")
    adapters.take("a")
    assert released == ["a"]


def test_another_adapter_of_the_same_name_leaves_running_requests_theirs() -> None:
    """The old one is released when they end, the new one stays."""
    adapters, released = AdapterSet("dense"), []
    adapters.put("a", lambda: released.append("old"))
    with adapters.used("a"):
        adapters.put("a", lambda: released.append("new"))
        with adapters.used("a"):
            assert released == []
    assert released == ["old"]
    assert adapters.names() == ("a",)


def test_a_request_without_an_adapter_needs_none_and_an_unknown_one_is_told_the_known() -> None:
    """The refusal names the model as a client writes it."""
    adapters = AdapterSet("dense")
    adapters.put("legal")
    with adapters.used(""):
        pass
    with pytest.raises(UnknownModel, match=r"dense:leagl is not loaded.*dense:legal"), adapters.used("leagl"):
        pass
