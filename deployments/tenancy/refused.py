"""Why somebody is not let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.errors import Forbidden, ServingError, StoreUnavailable, UnknownModel
from deployments.tenancy.identity import Identity

RETRY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not let in, and what the answer's headers say of limits."""

    error: ServingError
    headers: Mapping[str, str] = field(default_factory=dict)


def no_access(name: str) -> UnknownModel:
    """Return the error that tells nobody whether there is a model of that name."""
    return UnknownModel(f"model: there is no {name[:200]!r}, or this caller has no access to it", param="model")


def gone(who: Identity) -> Forbidden:
    """Return the error for somebody whose tenant is not known."""
    return Forbidden(f"the tenant {who.tenant} is not served here (any more)")


def away(what: str) -> StoreUnavailable:
    """Return the error where nobody can say *what* is asked."""
    return StoreUnavailable(f"the store that knows {what} does not answer; try again", retry_after_s=RETRY_S)
