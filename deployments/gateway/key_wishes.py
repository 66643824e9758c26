"""The bodies of the admin routes of API keys, and what they wish for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from deployments.adapters import ALL, served_name
from deployments.gateway.checked import Body, NonEmpty, wrong
from deployments.gateway.settings import GatewaySettings
from deployments.tenancy.keys.wishes import Known, Wish
from deployments.tenancy.limits.spec import Allotment

_MOST_NAME_CHARS = 200
_USUAL_OVERLAP_S = 3600.0


class Create(Body, kw_only=True):
    """A key to make."""

    tenant: NonEmpty
    name: str = ""
    models: list[str] | None = None
    nodes: list[str] | None = None
    admin: bool = False
    expires: str | float | None = None
    limits: dict[str, Any] | None = None

    def check(self) -> None:
        """Raise Invalid for a name that is too long."""
        if len(self.name) > _MOST_NAME_CHARS:
            raise wrong("name", f"has more than {_MOST_NAME_CHARS} characters")

    def wish(self) -> Wish:
        """Return what is asked for; raises Invalid for limits that are none."""
        return Wish(
            tenant=self.tenant,
            name=self.name,
            models=self.models,
            nodes=self.nodes,
            admin=self.admin,
            expires=self.expires,
            limits=_limits(self.limits),
        )


class Rotate(Body, kw_only=True):
    """A key that takes another's place, which works for *overlap* more."""

    overlap: str | float = _USUAL_OVERLAP_S


class Expire(Body, kw_only=True):
    """The end of a key."""

    within: str | float


def known_to(settings: GatewaySettings) -> Known:
    """Return what a key may be for."""
    pools = (name for name, model in settings.models.items() if model.remote is None)
    models = [*settings.model_names(), *(served_name(pool, ALL) for pool in pools)]
    return Known(tenants=settings.tenants, models=models, nodes=settings.graph)


def _limits(written: Mapping[str, Any] | None) -> Allotment | None:
    try:
        return None if written is None else Allotment.model_validate(written)
    except ValidationError as error:
        line = error.errors(include_url=False)[0]
        raise wrong(".".join(map(str, ("limits", *line["loc"]))), line["msg"]) from None
