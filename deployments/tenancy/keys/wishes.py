"""What an operator wishes a key to be, held against what there is: the same over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from deployments.quantities import seconds
from deployments.strict import nearest
from deployments.tenancy.keys.issuing import Wanted, narrowed
from deployments.tenancy.limits.spec import Allotment

_SHOWN_CHARS = 200


class WishError(Exception):
    """A wish that names what is not there, or is written wrong: which ``field``, and ``why``."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The names that a key may be given."""

    tenants: Collection[str]
    models: Collection[str]
    nodes: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A key as it is asked for; ``expires`` is a duration from now."""

    tenant: str
    name: str = ""
    models: Sequence[str] | None = None
    nodes: Sequence[str] | None = None
    admin: bool = False
    expires: str | float | None = None
    limits: Allotment | None = None


def wanted(wish: Wish, known: Known, now_s: float) -> Wanted:
    """Return the key to make; raises WishError."""
    models, nodes = narrowed(_all("models", wish.models, known.models), _all("nodes", wish.nodes, known.nodes))
    return Wanted(
        tenant=one_of("tenant", wish.tenant, known.tenants),
        name=wish.name,
        models=models,
        nodes=nodes,
        admin=wish.admin,
        expires_s=None if wish.expires is None else now_s + duration("expires", wish.expires),
        limits=wish.limits,
    )


def one_of(field: str, name: str, known: Collection[str]) -> str:
    """Return *name*; raises WishError where it is not among those *known*."""
    if name not in known:
        raise WishError(field, f"there is no {name[:_SHOWN_CHARS]!r}; {nearest(name, known)}")
    return name


def duration(field: str, written: str | float) -> float:
    """Return a duration in seconds; raises WishError."""
    try:
        return seconds(written)
    except ValueError as error:
        raise WishError(field, f"{str(written)[:_SHOWN_CHARS]!r} {error}") from None


def _all(field: str, names: Sequence[str] | None, known: Collection[str]) -> tuple[str, ...] | None:
    return None if names is None else tuple(one_of(field, name, known) for name in names)
