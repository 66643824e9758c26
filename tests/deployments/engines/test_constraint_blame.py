"""An answer that broke on its constraint is the client's to mend; any other failure is not."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.engines.constraint_blame import blamed, constraint_of
from deployments.errors import EngineFailed, Invalid, Overloaded
from deployments.request import Request

BROKEN = EngineFailed("dense: Internal server error")


def asked(**body: Any) -> Request:
    return Request(endpoint="chat", model="dense", body=body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"structured_outputs": {"regex": "a"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"json_object": True}}, "structured_outputs"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"tools": [{}]}, "tools"),
        ({"response_format": {"type": "text"}, "text": "a", "tools": []}, None),
        ({}, None),
    ],
)
def test_names_the_constraint(body: dict[str, Any], field: str | None) -> None:
    """By the field that the client wrote."""
    assert constraint_of(body) == field
    error = blamed(BROKEN, asked(**body))
    assert isinstance(error, Invalid) is (field is not None)
    assert error.param == field


def test_names_the_field_of_what_cannot_be_compiled() -> None:
    """With vLLM's own words; a field that it names itself is better known to it."""
    told = blamed(
        Invalid("Not a grammar: [03:46:02] /a/b.cc:83: it ends early"), asked(structured_outputs={"regex": "("})
    )
    field = "structured_outputs.regex"
    assert (told.param, told.message) == (field, f"{field}: Not a grammar: it ends early")
    named = Invalid("seed: is no regex", param="seed")
    assert blamed(named, asked(structured_outputs={"grammar": "("})) is named


@pytest.mark.parametrize("error", [Overloaded("full"), EngineFailed("dense: the engine's process has died")])
def test_other_failures_stay(error: Exception) -> None:
    """A dead engine is no fault of the request."""
    assert blamed(error, asked(structured_outputs={"regex": "a"})) is error  # type: ignore[arg-type]
