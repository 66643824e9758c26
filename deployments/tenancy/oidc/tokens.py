"""From a signed token (JSON Web Token, RFC 7519) to its holder."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from deployments.errors import Unauthorized
from deployments.tenancy.identity import Identity
from deployments.tenancy.oidc.bearer import bearer, timely
from deployments.tenancy.oidc.key_set import KeySet
from deployments.tenancy.oidc.spec import IssuerSpec

CACHED_S = 2.0
_CACHED = 10_000
_WHY: Mapping[type[jwt.PyJWTError], str] = {
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidAlgorithmError: "its algorithm is not allowed here",
    jwt.MissingRequiredClaimError: "it lacks one of exp, iss, aud and sub",
}
# Times are checked by the clock that everything here goes by.
_OPTIONS: Any = {
    "require": ["exp", "iss", "aud", "sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "strict_aud": False,
}


@dataclass(frozen=True, slots=True)
class _Seen:
    identity: Identity
    claims: Mapping[str, Any]
    at_s: float


class Tokens:
    """Knows the holders of tokens that one of *issuers* signed."""

    def __init__(self, issuers: Iterable[IssuerSpec]) -> None:
        self._issuers = {spec.issuer: (spec, KeySet(spec.jwks)) for spec in issuers}
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    async def holder(self, text: str, now_s: float) -> Identity:
        """Return who holds the token *text*; raises Unauthorized, or StoreAwayError while its issuer is away."""
        digest = hashlib.sha256(text.encode()).digest()
        seen = self._seen.get(digest)
        if seen is None or not 0 <= now_s - seen.at_s < CACHED_S:
            seen = await self._verified(text, now_s)
            self._seen[digest] = seen
            self._seen.move_to_end(digest)
            if len(self._seen) > _CACHED:
                self._seen.popitem(last=False)
        timely(seen.claims, now_s)
        return seen.identity

    async def close(self) -> None:
        """Forget the fetches under way."""
        for _, keys in self._issuers.values():
            await keys.close()

    async def _verified(self, text: str, now_s: float) -> _Seen:
        kid, issuer = _named(text)
        if issuer not in self._issuers:
            raise Unauthorized("the token is of an issuer that is not configured here")
        spec, keys = self._issuers[issuer]
        key = await keys.key(kid, now_s)
        if key is None:
            raise Unauthorized("the token is signed by a key that its issuer does not publish")
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=list(spec.algorithms),
                audience=spec.audience,
                issuer=spec.issuer,
                options=_OPTIONS,
            )
        except jwt.PyJWTError as error:
            why = next((told for kind, told in _WHY.items() if isinstance(error, kind)), "it is malformed")
            raise Unauthorized(f"the token is not accepted: {why}") from None
        return _Seen(bearer(spec, claims), claims, now_s)


def _named(text: str) -> tuple[str, str]:
    """Return which key and which issuer a token names, of which nothing is proved yet."""
    try:
        told = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthorized("this is neither an API key nor a signed token") from None
    kid, issuer = told["header"].get("kid"), told["payload"].get("iss")
    if not isinstance(kid, str) or not isinstance(issuer, str):
        raise Unauthorized("the token does not name its key (kid) and its issuer (iss)")
    return kid, issuer
