"""One issuer of tokens, as configured."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from deployments.remote.spec import is_loopback
from deployments.strict import Strict, not_empty

# A secret that both sides know would let every gateway issue tokens, and "none" everybody.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_URL = re.compile(r"(https?)://([A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::[1-9][0-9]{0,4})?(/[A-Za-z0-9._~/%-]*)?", re.ASCII)


def _encrypted(url: str) -> str:
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("is not a URL such as https://login.example.com/keys (no user name, no query)")
    if parts[1] == "http" and not is_loopback(parts[2]):
        raise ValueError("is not https; keys that anybody on the way could replace prove nothing")
    return url


Url = Annotated[str, AfterValidator(_encrypted)]
Claim = Annotated[str, Field(min_length=1, max_length=128)]


class IssuerSpec(Strict):
    """One issuer: its tokens must be for ``audience`` and signed by a key that it publishes at ``jwks``.

    All its callers are of one ``tenant``, or each of the tenant that the claim ``tenant_claim`` names. Callers whose
    ``scope`` has the word ``admin_scope`` may use the admin routes.
    """

    issuer: Url
    audience: Annotated[str, Field(min_length=1, max_length=256)]
    jwks: Url
    algorithms: Annotated[tuple[Algorithm, ...], AfterValidator(not_empty)] = ("RS256", "ES256", "EdDSA")
    tenant: Claim | None = None
    tenant_claim: Claim | None = None
    admin_scope: Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,128}$")] | None = None

    @model_validator(mode="after")
    def _one_tenant(self) -> Self:
        if (self.tenant is None) == (self.tenant_claim is None):
            raise ValueError("says no tenant or twice; give `tenant`, or `tenant_claim`, the claim that names it")
        return self
