"""What a caller shows: a bearer token, or a key in the header that Anthropic's clients use."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.errors import Unauthorized

_MOST_CHARS = 16_384
ASK = "send an API key or a token as `Authorization: Bearer ...`, or a key as `x-api-key`"


def presented(headers: Mapping[str, str]) -> str:
    """Return the credential in a request's *headers* (lower case); raises Unauthorized where there is none, or two."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    key, bearer = headers.get("x-api-key", "").strip(), bearer.strip()
    if scheme and scheme.lower() != "bearer":
        raise Unauthorized(f"the authorization scheme is not Bearer; {ASK}")
    if key and bearer and key != bearer:
        raise Unauthorized("two different credentials were sent; send one")
    found = bearer or key
    if not found:
        raise Unauthorized(f"nobody is let in without a credential; {ASK}")
    if len(found) > _MOST_CHARS or not found.isascii():
        raise Unauthorized("the credential is neither an API key nor a token")
    return found
