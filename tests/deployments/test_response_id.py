"""Ids that lead back to the replica that keeps a response."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.response_id import Place, new_response_id, place_of

NAMES = st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII), fullmatch=True)


@given(pool=NAMES, replica=st.from_regex(r"[A-Za-z0-9#_-]{1,40}", fullmatch=True))
def test_an_id_says_where(pool: str, replica: str) -> None:
    """Any pool and replica come back, and the id is fit for a path."""
    place = Place(pool=pool, replica=replica)
    made = new_response_id(place)
    assert place_of(made) == place
    assert re.fullmatch(r"resp_[A-Za-z0-9_-]+", made)


def test_no_two_ids_are_alike() -> None:
    """Knowing one tells nothing of another's random part."""
    place = Place(pool="dense", replica="a")
    assert len({new_response_id(place)[5:37] for _ in range(100)}) == 100


@given(st.text(max_size=80) | st.from_regex(r"resp_[0-9a-f]{32}[A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_what_is_no_id_has_no_place(text: str) -> None:
    """Whatever is sent, the answer is a place with both names or none; nothing is raised."""
    place = place_of(text)
    assert place is None or (place.pool and place.replica)


@pytest.mark.parametrize("text", ["", "resp_", "resp_x", "resp_" + "0" * 32, "resp_" + "0" * 32 + "é" * 4])
def test_a_part_of_an_id_is_none(text: str) -> None:
    """Cut or foreign ids lead nowhere."""
    assert place_of(text) is None
