"""Who may call and what tenants may use, as configured."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from deployments.answers.settings import RedisSpec
from deployments.quantities import Seconds
from deployments.remote.spec import KeyRef
from deployments.strict import Strict
from deployments.tenancy.keys.lookup import MOST_CACHED_S
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.oidc.spec import IssuerSpec

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
NAMELESS = Allotment()


class TenantSpec(Strict):
    """One tenant.

    ``allow`` names the models and graph nodes that it may ask for, all where it is not given; ``dense`` is the model
    without its adapters, ``dense:*`` with all of them. ``limits`` are the tenant's in all, ``each_key`` those of every
    key of it, ``models`` what it may use of single models.

    Where tenants wait for the same places they get them by ``weight``. What ``stay_local`` tenants send and get never
    leaves for a remote model. Tenants that name the same ``prefix_group`` use each other's prompts in engines' prefix
    caches, and can tell by the time to a first token what others of the group have asked; without one a tenant has
    its cache for itself.
    """

    allow: tuple[Name, ...] | None = None
    limits: Allotment = NAMELESS
    each_key: Allotment = NAMELESS
    models: dict[Name, Allotment] = Field(default_factory=dict)
    weight: float = Field(default=1.0, ge=0.01, le=1000)
    stay_local: bool = Field(default=False, strict=True)
    prefix_group: Name | None = None


class AccountsRedis(RedisSpec):
    """A Redis that must not forget: give it ``appendonly yes`` and ``maxmemory-policy noeviction``."""

    prefix: str = Field(default="tercet:tenancy", pattern=r"^[A-Za-z0-9:._-]{1,64}$")


class StoreSpec(Strict):
    """Where keys, limits and budgets are kept: in a file of one machine, or on a Redis server that many reach.

    With ``power_safe`` the file survives the loss of power to the last request; without, to the last moments. No call
    waits longer than ``timeout``.
    """

    sqlite: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    redis: AccountsRedis | None = None
    power_safe: bool = False
    timeout: Seconds = Field(default=1.0, ge=0.05, le=2)

    @model_validator(mode="after")
    def _one_store(self) -> Self:
        if (self.sqlite is None) == (self.redis is None):
            raise ValueError("is no store or two; give `sqlite`, an absolute path, or `redis`, a server")
        if self.power_safe and self.redis is not None:
            raise ValueError("has power_safe and redis; what survives is up to the server: give it appendfsync always")
        return self


class KeysSpec(Strict):
    """How API keys are kept and checked.

    ``pepper`` says where the secret is found that keys are hashed with; without one it is kept beside them, and then
    whoever copies the store can test keys. A revoked key works for ``cache`` longer, at most.
    """

    pepper: KeyRef | None = None
    cache: Seconds = Field(default=2.0, ge=0, le=MOST_CACHED_S)


class AccessSpec(Strict):
    """Who may call at all: whoever shows a key or a token, or everybody where it is ``open``.

    ``issuers`` are those whose tokens are taken instead of keys, ``models`` what all tenants together may use of single
    models. What a gateway holds for requests comes back ``lease`` after it was killed. While the store does not
    answer, requests without a budget are let in uncounted, or refused; those with a budget always are.
    """

    open: bool = Field(default=False, strict=True)
    store: StoreSpec | None = None
    keys: KeysSpec = KeysSpec()
    issuers: tuple[IssuerSpec, ...] = ()
    models: dict[Name, Allotment] = Field(default_factory=dict)
    lease: Seconds = Field(default=120.0, ge=10, le=3600)
    when_store_is_away: Literal["refuse", "admit"] = "refuse"

    @model_validator(mode="after")
    def _open_or_kept(self) -> Self:
        if self.open and len(self.model_fields_set - {"open"}) > 0:
            raise ValueError("is open and says who may call; leave out `open`, or everything else")
        if not self.open and self.store is None:
            raise ValueError("has no store; give one, as in {store: {sqlite: /path}}, or say {open: true}")
        return self

    @property
    def kept(self) -> StoreSpec:
        """Return where keys and accounts are kept; there is no such place where access is open."""
        assert self.store is not None, "access is open"  # noqa: S101
        return self.store

    def same_door(self, other: AccessSpec) -> bool:
        """Say whether *other* differs in nothing but what may be changed while requests run."""
        return self.model_copy(update={"models": {}}) == other.model_copy(update={"models": {}})
