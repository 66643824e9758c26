"""Which errors send a request on to a further target."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import InitErrorDetails

from deployments.errors import ContextTooLong, Invalid, ServingError, StaysLocal, Withheld, all_errors, by_code
from deployments.strict import nearest, problem

# A deadline counts only while the request itself has time left: then a node below gave up for a limit of its own.
USUAL = ("rejected", "engine_failed", "first_token_timeout", "stalled", "deadline_exceeded")


def passable() -> Mapping[str, type[ServingError]]:
    """Return by code what another target may not suffer from; of wrong requests, only those too long for this one."""
    return {kind.code: kind for kind in all_errors() if kind is ContextTooLong or not issubclass(kind, Invalid)}


def moves_on(error: ServingError, on: tuple[str, ...]) -> bool:
    """Say whether *error* is, or is a kind of, one of the errors with the codes *on*.

    Whoever may not ask a target has not asked it yet, nor has what may not leave for one, whatever *on* says.
    """
    known = passable()
    return isinstance(error, StaysLocal | Withheld) or any(_is(error, known[code]) for code in on if code in known)


def _is(error: ServingError, kind: type[ServingError]) -> bool:
    # The root of the tree stands for itself, an internal error, or it would stand for everything.
    return type(error) is kind if kind is ServingError else isinstance(error, kind)


def unfit(on: tuple[str, ...]) -> list[InitErrorDetails]:
    """Return what is wrong with the codes as written."""
    known = passable()
    return [problem((at,), "no_such_error", _why(code, known), code) for at, code in enumerate(on) if code not in known]


def _why(code: str, known: Mapping[str, type[ServingError]]) -> str:
    if issubclass(by_code(code), Invalid):
        return "is no reason to move on: such a request is wrong everywhere"
    return f"is not an error's code; {nearest(code, known)}"
