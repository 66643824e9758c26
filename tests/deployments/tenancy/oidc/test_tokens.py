"""Tokens signed by an issuer that publishes its keys on a real address."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import ValidationError

from deployments.errors import Unauthorized
from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.oidc.key_set import AGAIN_S, FRESH_S, STALE_S
from deployments.tenancy.oidc.spec import IssuerSpec
from deployments.tenancy.oidc.tokens import Tokens
from deployments.tenancy.stores.away import StoreAwayError

NOW = 1_800_000_000.0
ISSUER = "https://login.example.com/acme"
SIGNERS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
    "unpublished": ec.generate_private_key(ec.SECP256R1()),
}
ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA", "unpublished": "ES256"}


def public(kid: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name(ALGORITHMS[kid])
    told = json.loads(algorithm.to_jwk(SIGNERS[kid].public_key()))
    return {**told, "kid": kid, "use": "sig", "alg": ALGORITHMS[kid]}


class Publisher:
    """Serves a key set, and counts who asks."""

    def __init__(self) -> None:
        self.kids, self.asked, self.broken = ["rsa", "ec", "ed"], 0, False
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                body = json.dumps({"keys": [public(kid) for kid in publisher.kids]}).encode()
                self.send_response(500 if publisher.broken else 200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    thread = threading.Thread(target=publisher.server.serve_forever, args=(0.01,))
    thread.start()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()
    thread.join()


def spec(publisher: Publisher, **fields: Any) -> IssuerSpec:
    told = {"issuer": ISSUER, "audience": "tercet", "jwks": publisher.url, "tenant_claim": "org", **fields}
    return IssuerSpec.model_validate({name: value for name, value in told.items() if value is not None})


def token(kid: str = "ec", *, signer: Any = None, algorithm: str = "", **claims: Any) -> str:
    told = {"iss": ISSUER, "aud": "tercet", "sub": "ada", "exp": NOW + 300, "org": "acme", **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, signer or SIGNERS[kid], algorithm=algorithm or ALGORITHMS[kid], headers={"kid": kid})


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_token_tells_its_holder(publisher: Publisher, kid: str) -> None:
    """Subjects of different issuers are different holders, and none is an API key."""
    tokens = Tokens([spec(publisher, admin_scope="tercet:admin")])
    found = await tokens.holder(token(kid, sub="ada|x#y", scope="openid tercet:admin"), NOW)
    key = "https%3A%2F%2Flogin.example.com%2Facme#ada%7Cx%23y"
    assert found == Identity(tenant="acme", key=key, scopes=Scopes(admin=True))
    assert not (await tokens.holder(token(kid, scope="tercet:administrator"), NOW)).scopes.admin


async def test_an_issuer_may_be_one_tenants_own(publisher: Publisher) -> None:
    """Then its tokens cannot name another."""
    tokens = Tokens([spec(publisher, tenant_claim=None, tenant="acme")])
    assert (await tokens.holder(token(org="other"), NOW)).tenant == "acme"


def none_signed() -> str:
    return jwt.encode({"iss": ISSUER, "aud": "tercet", "sub": "x", "exp": NOW + 9}, None, algorithm="none",
                      headers={"kid": "rsa"})  # fmt: skip


def hmac_with_the_public_key() -> str:
    """Sign as a symmetric key what anybody can read: libraries once took the token's word for the algorithm."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": ISSUER, "aud": "tercet", "sub": "x", "exp": NOW + 9}
    told = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims)}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(told.encode(), json.dumps(public("rsa")).encode())
    return f"{told}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (lambda: "x", "neither an API key nor"),
        (lambda: "a.b.c", "neither an API key nor"),
        (lambda: token() + "x", "signature is wrong|neither"),
        (lambda: token("ec", signer=SIGNERS["unpublished"]), "signature is wrong"),
        (none_signed, "not allowed|signature|malformed"),
        (hmac_with_the_public_key, "not allowed"),
        (lambda: token(aud="another"), "another audience"),
        (lambda: token(aud=None), "lacks one of"),
        (lambda: token(sub=None), "lacks one of"),
        (lambda: token(exp=None), "lacks one of"),
        (lambda: token(iss="https://evil.example.com"), "not configured here"),
        (lambda: token(iss=ISSUER + "/"), "not configured here"),
        (lambda: token(exp=NOW - 31), "has expired"),
        (lambda: token(nbf=NOW + 31), "not valid yet"),
        (lambda: token(iat=NOW + 31), "not valid yet"),
        (lambda: token(nbf="soon"), "nbf is not a time"),
        (lambda: token(org=None), "org is no text"),
        (lambda: token(org=["acme"]), "org is no text"),
        (lambda: token(sub=""), "sub is no text"),
    ],
)
async def test_what_is_wrong_with_a_token_is_told(publisher: Publisher, text: Any, told: str) -> None:
    """And nobody gets in by it."""
    with pytest.raises(Unauthorized, match=told):
        await Tokens([spec(publisher)]).holder(text(), NOW)


async def test_a_token_ends_when_it_says(publisher: Publisher) -> None:
    """Remembered or not, give or take what clocks differ."""
    tokens, one = Tokens([spec(publisher)]), token(exp=NOW + 1)
    await tokens.holder(one, NOW + 30.9)
    with pytest.raises(Unauthorized, match="expired"):
        await tokens.holder(one, NOW + 31)


async def test_keys_are_fetched_seldom_and_followed_when_they_change(publisher: Publisher) -> None:
    """A token with a new key makes for one look; a stream of invented ones does not hammer the issuer."""
    tokens = Tokens([spec(publisher)])
    for at in range(20):
        await tokens.holder(token(jti=str(at)), NOW + at / 10)
    assert publisher.asked == 1
    for at in range(20):
        with pytest.raises(Unauthorized, match="does not publish"):
            await tokens.holder(token("unpublished", jti=str(at)), NOW + 3)
    assert publisher.asked == 1
    publisher.kids.append("unpublished")
    later = NOW + AGAIN_S
    assert (await tokens.holder(token("unpublished"), later)).tenant == "acme"
    assert publisher.asked == 2
    await tokens.close()


async def test_an_issuer_that_is_away_keeps_its_keys_for_a_day(publisher: Publisher) -> None:
    """Those with a key that is known wait for nothing; others are told to come again."""
    tokens = Tokens([spec(publisher)])
    await tokens.holder(token(), NOW)
    publisher.broken = True
    soon, long = NOW + FRESH_S, NOW + STALE_S + 1
    assert (await tokens.holder(token(exp=soon + 9), soon)).tenant == "acme"
    with pytest.raises(StoreAwayError):
        await tokens.holder(token("unpublished", exp=soon + 99), soon + AGAIN_S)
    with pytest.raises(StoreAwayError):
        await tokens.holder(token(exp=long + 9), long)
    await tokens.close()


async def test_before_the_first_answer_nobody_is_known(publisher: Publisher) -> None:
    """It is not the token's fault."""
    publisher.broken = True
    tokens = Tokens([spec(publisher)])
    with pytest.raises(StoreAwayError):
        await tokens.holder(token(), NOW)
    publisher.broken = False
    await tokens.holder(token(), NOW + AGAIN_S)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"jwks": "http://login.example.com/keys"}, "is not https"),
        ({"jwks": "https://user@login.example.com/keys"}, "is not a URL"),
        ({"jwks": "file:///etc/passwd"}, "is not a URL"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": []}, "is empty"),
        ({"tenant": "acme"}, "says no tenant or twice"),
        ({"tenant_claim": None}, "says no tenant or twice"),
        ({"audience": ""}, "at least 1"),
    ],
)
def test_an_issuer_that_would_prove_nothing_is_refused(publisher: Publisher, fields: Any, told: str) -> None:
    """In the configuration, with the way out."""
    with pytest.raises(ValidationError, match=told):
        spec(publisher, **fields)
