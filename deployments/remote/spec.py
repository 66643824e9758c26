"""A model that another server answers for, as configured; the server speaks OpenAI's protocol."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from deployments.graph.capability import Capabilities, Capability
from deployments.media import MODALITIES, MOST_PORT, MediaSpec, Modality
from deployments.pii.entities import EVERY, Entities
from deployments.quantities import Seconds
from deployments.strict import Strict, fail, not_empty, problem

RemoteEndpoint = Literal["chat", "completion", "messages", "count_tokens", "embeddings", "score", "rerank"]
_GENERATING: frozenset[Capability] = frozenset({"chat", "completion", "messages"})
_POOLING: frozenset[Capability] = frozenset({"embeddings", "score", "rerank"})
_COUNTS: Mapping[Modality, str] = {"image": "images", "audio": "audio", "video": "videos"}

# Only what every parser of URLs reads alike: no user name, no query, no number in the place of a name.
_URL = re.compile(r"(https?)://([a-z0-9][a-z0-9.-]{0,252})(?::([1-9][0-9]{0,4}))?(/[A-Za-z0-9._~/-]*)?", re.ASCII)


def is_loopback(host: str) -> bool:
    """Say whether *host* is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain_url(url: str) -> str:
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("is not a URL such as https://api.example.com/v1 (lower-case host, no user name, no query)")
    if parts[3] is not None and int(parts[3]) > MOST_PORT:
        raise ValueError(f"has a port greater than {MOST_PORT}")
    if parts[1] == "http" and not is_loopback(parts[2]):
        raise ValueError("is not https; what leaves this machine is encrypted")
    return url.rstrip("/")


class KeyRef(Strict):
    """Where the key is found, never the key itself; a file is read again when it changes."""

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
    file: str | None = Field(default=None, pattern=r"^/")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("names no key or two; give `env`, a variable of the gateway, or `file`, an absolute path")
        return self


class Price(Strict):
    """What the owner of the server charges."""

    input_per_million: float = Field(ge=0)
    output_per_million: float = Field(ge=0)
    currency: str = Field(default="usd", pattern=r"^[a-z]{3}$")


class RemoteTimeouts(Strict):
    """How long a server may take to connect, to begin an answer that is streamed, and between its parts."""

    connect: Seconds = Field(default=5.0, gt=0)
    first_token: Seconds = Field(default=30.0, gt=0)
    between_tokens: Seconds = Field(default=30.0, ge=0.1)


class RemoteRedact(Strict):
    """What is done with personal data before a request leaves.

    With ``mask`` placeholders leave and the originals are put back into the answer; with ``block`` nothing leaves.
    Names are not looked for: a node that does so has to stand before it.
    """

    action: Literal["mask", "block"] = "mask"
    entities: Entities = EVERY

    @model_validator(mode="before")
    @classmethod
    def _asks_nobody(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "names" in value:
            rule = "are not looked for here; lead to this model by a node such as {redact: NAME, names: {model: POOL}}"
            fail("redact", [problem(("names",), "no_names", rule, value["names"])])
        return value


class RemoteSpec(Strict):
    """One remote model.

    ``model`` is its name there. ``concurrency`` bounds the requests of one gateway process; more are refused.
    ``endpoints`` are those that the server has, ``logprobs`` says whether it gives log-probabilities when asked.
    With ``redact`` no personal data leaves for it, whichever way a request came; media, which are not searched, do not
    either. With ``salt``, requests carry a ``cache_salt`` by which the server, a vLLM or a Tercet, keeps the prefixes
    of tenants apart; others may refuse the field.
    """

    family: Literal["remote"]
    url: Annotated[str, AfterValidator(_plain_url)]
    model: str = Field(min_length=1, max_length=256)
    key: KeyRef | None = None
    price: Price | None = None
    timeout: RemoteTimeouts = RemoteTimeouts()
    concurrency: int = Field(default=64, strict=True, ge=1, le=10_000)
    endpoints: Annotated[tuple[RemoteEndpoint, ...], AfterValidator(not_empty)] = ("chat",)
    logprobs: bool = Field(default=False, strict=True)
    media: MediaSpec = MediaSpec()
    redact: RemoteRedact | None = None
    salt: bool = Field(default=False, strict=True)

    @field_validator("endpoints", mode="after")
    @classmethod
    def _each_once(cls, endpoints: tuple[RemoteEndpoint, ...]) -> tuple[RemoteEndpoint, ...]:
        return tuple(dict.fromkeys(endpoints))

    @model_validator(mode="after")
    def _text_where_redacted(self) -> Self:
        taken = {} if self.redact is None else {_COUNTS[one]: self.media.most(one) for one in MODALITIES}
        rule = "cannot leave where `redact` is required, since only text is searched; write 0, or leave `redact` out"
        fail("media", [
            problem(("media", field), "unsearched", rule, count) for field, count in taken.items() if count
        ])  # fmt: skip
        return self

    def gives(self) -> Capabilities:
        """Return what the graph may ask of it; the tokens of a foreign server are unknown, so nothing is resumed."""
        given: set[Capability] = set(self.endpoints)
        if given & _GENERATING:
            given.add("text")
        if given & _GENERATING and self.logprobs:
            given.add("logprobs")
        if given & _POOLING:
            given.add("vectors")
        if self.media.images:
            given.add("images")
        return frozenset(given)


def refusal(url: str, allowed: tuple[str, ...]) -> str | None:
    """Say why a gateway may not call *url*, None where it may; *allowed* are hosts, with a port if one is meant."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return "is no URL that a gateway calls"
    host, own_port = parts[2], "443" if parts[1] == "https" else "80"
    port = parts[3] or own_port
    if host in allowed or f"{host}:{port}" in allowed:
        return None
    return f"is on {host}, which gateway.remote_hosts does not name; add it there"
