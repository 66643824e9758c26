"""Where answers are kept, as configured: in memory, and on this machine's disk or in a Redis that gateways share."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from deployments.quantities import Bytes, Seconds
from deployments.remote.spec import KeyRef
from deployments.strict import Strict

_URL = re.compile(r"rediss?://[A-Za-z0-9_.:\[\]-]{1,253}(/\d{1,5})?|unix:///[A-Za-z0-9_./-]{1,200}", re.ASCII)


def _plain_url(url: str) -> str:
    if _URL.fullmatch(url) is None:
        raise ValueError(
            "is not a URL such as redis://cache.example.com:6379/0; a password has its place in `password`"
        )
    return url


class DiskSpec(Strict):
    """One SQLite file, which the gateways of a machine share; by default below the gateway's state directory."""

    enabled: bool = Field(default=True, strict=True)
    folder: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    most: Bytes = Field(default=2**30, ge=2**20)

    @model_validator(mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class RedisSpec(Strict):
    """A Redis, which all gateways share; how much it holds is its own ``maxmemory``."""

    url: Annotated[str, AfterValidator(_plain_url)]
    username: str | None = Field(default=None, min_length=1, max_length=128)
    password: KeyRef | None = None
    prefix: str = Field(default="tercet:answers", pattern=r"^[A-Za-z0-9:._-]{1,64}$")


class AnswersSettings(Strict):
    """The two levels of the answer cache; ``disk`` is used where there is no ``redis``.

    A look into the second level takes at most ``patience``, a write ``write_within``. What was forgotten at one gateway
    is given by no other after ``trust``: without word from the second level for longer, the first is not asked either.
    At most ``queue`` bytes wait to be written.
    """

    memory: Bytes = Field(default=64 * 2**20, ge=2**20)
    disk: DiskSpec = DiskSpec()
    redis: RedisSpec | None = None
    patience: Seconds = Field(default=0.05, gt=0, le=10)
    write_within: Seconds = Field(default=5.0, gt=0, le=60)
    trust: Seconds = Field(default=2.0, ge=0.1)
    queue: Bytes = Field(default=32 * 2**20, ge=2**20)

    @field_validator("redis", mode="before")
    @classmethod
    def _url_alone(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_second_level(self) -> Self:
        if self.redis is not None and "disk" in self.model_fields_set and self.disk.enabled:
            raise ValueError("has both disk and redis; keep one")
        return self
