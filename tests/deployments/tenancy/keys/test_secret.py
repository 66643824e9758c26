"""Keys as text, and what is kept of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.tenancy.keys.secret import Key, digest, is_key, matches, mint, new_pepper, parse

KEY = Key(id="abcdefgh0123", secret="A" * 43)


def test_a_minted_key_is_read_back() -> None:
    """And no two are alike."""
    keys = [mint() for _ in range(50)]
    assert [parse(key.text()) for key in keys] == keys
    assert all(is_key(key.text()) for key in keys)
    assert len({key.secret for key in keys}) == len({key.id for key in keys}) == 50


@given(st.integers(7, 68), st.sampled_from("abcXYZ019_-é"))
def test_any_single_slip_of_the_pen_is_noticed(at: int, letter: str) -> None:
    """Before a store is asked."""
    text = KEY.text()
    wrong = text[:at] + letter + text[at + 1 :]
    assert (parse(wrong) is None) == (wrong != text)


@given(st.text(max_size=90))
def test_any_text_is_read_or_not(text: str) -> None:
    """Nothing that a caller may send raises."""
    assert parse(text) is None
    assert parse(KEY.text() + text) is None or not text


def test_only_the_key_and_the_pepper_together_match() -> None:
    """Whoever has read the store knows neither."""
    pepper = new_pepper()
    kept = digest(KEY, pepper)
    assert matches(KEY, pepper, kept)
    assert not matches(KEY, new_pepper(), kept)
    assert not matches(Key(id=KEY.id, secret="B" * 43), pepper, kept)
    assert not matches(Key(id="abcdefgh0124", secret=KEY.secret), pepper, kept)
    assert KEY.secret.encode() not in kept


def test_a_key_does_not_print_its_secret() -> None:
    """So that no log has it."""
    assert "AAAA" not in repr(KEY)
    assert "AAAA" not in f"{KEY}"


@pytest.mark.parametrize("text", ["", "sk-123", "Tercet_x", "eyJhbGciOi.J9.x"])
def test_what_is_somebody_elses_is_not_taken_for_a_key(text: str) -> None:
    """A token goes to whoever knows tokens."""
    assert not is_key(text)
