"""Which addresses of media pass: whatever passes, every URL parser reads the same allowed host in it."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
import urllib3.util
import yarl
from hypothesis import assume, given
from hypothesis import strategies as st

from deployments.gateway.media_url import refusal

ALLOWED = ("images.example.com", "cdn.example.com:8443", "10.0.0.7:80")


@pytest.mark.parametrize(
    "url",
    [
        "https://images.example.com/a.png",
        "http://images.example.com",
        "HTTPS://Images.Example.COM:443/a%20b.png?size=2&x=@y#z",
        "http://images.example.com:80/",
        "https://cdn.example.com:8443/a",
        "http://10.0.0.7/a",
        "data:image/png;base64,AAAA",
        "DATA:image/svg+xml;charset=utf-8;BASE64,AAAA",
        "data:;base64,",
    ],
)
def test_allows(url: str) -> None:
    """Data, and hosts that are named, on the scheme's own port or on the one that is named with them."""
    assert refusal(url, ALLOWED) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://evil.images.example.com/",
        "https://images.example.com.evil.net/",
        "https://images.example.com./",
        "https://images.example.com:8443/",
        "https://cdn.example.com/",
        "https://10.0.0.7/a",
        "http://10.0.0.7:8080/",
        "http://10.7/",
        "http://167772167/",
        "http://0x0a.0.0.7/",
        "http://[::ffff:10.0.0.7]/",
        "http://[::1]/",
        "https://images.example.com@evil.net/",
        "https://user:word@images.example.com/",
        "https://images.example.com:443@evil.net/",
        "https://evil.net\\@images.example.com/",
        "https://images.example.com\\.evil.net/",
        "https://images.example.com?@evil.net/",
        "https://images.example.com#@evil.net/",
        "https://images.example.com:0443/",
        "https://images.example.com:/",
        "https:/images.example.com/",
        "https:images.example.com",
        "//images.example.com/",
        "https://images.example.com/\n",
        " https://images.example.com/",
        "https://images.example.com/a b",
        "https://ımages.example.com/",
        "https://images。example.com/",
        "https://images.example.com%2fevil.net/",
        "https://images.example.com%00.evil.net/",
        "ftp://images.example.com/",
        "gopher://images.example.com/",
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "/etc/passwd",
        "",
        "data:image/png,AAAA",
        "data:image/png;base64",
        "data:text/html,<b>",
        "data:image/png;base64 ,AAAA",
    ],
)
def test_refuses(url: str) -> None:
    """Other hosts, other ports, and every spelling that some parser might read as another host."""
    assert refusal(url, ALLOWED)


def test_nothing_may_be_fetched_unless_it_is_said() -> None:
    """Without hosts only data passes."""
    assert refusal("https://images.example.com/a.png", ()) is not None
    assert refusal("data:image/png;base64,AAAA", ()) is None


PIECES = st.sampled_from(
    ["http", "https", "file", "data", ":", "//", "/", "\\", "@", "#", "?", ".", "[", "]", "%", "%2f", "%00", " ", "\t",
     "\n", "images.example.com", "evil.net", "10.0.0.7", "::1", "127.1", "443", "80", "8443", "user", "ı", "。", "xn--",
     "cdn.example.com", "a", "base64,", ";"]
)  # fmt: skip


STARTS = st.sampled_from(
    ["", "https://", "https://images.example.com", "http://10.0.0.7", "https://cdn.example.com:8443"]
)


@given(STARTS, st.lists(PIECES, max_size=12).map("".join))
def test_every_parser_agrees_on_what_passes(start: str, rest: str) -> None:
    """The host and port that passed are the ones that any client would connect to."""
    url = start + rest
    assume(not url.lower().startswith("data:"))
    if refusal(url, ALLOWED) is not None:
        return
    split, pool, wire, client = urlsplit(url), urllib3.util.parse_url(url), yarl.URL(url), httpx.URL(url)
    assert split.hostname == pool.hostname == wire.host == client.host
    port = split.port or {"http": 80, "https": 443}[split.scheme]
    assert port == (pool.port or port) == wire.port
    assert {str(split.hostname), f"{split.hostname}:{port}"} & set(ALLOWED)
    assert not any((split.username, pool.auth, wire.user, client.userinfo))


@given(st.text(max_size=200), st.sampled_from(["", "http://", "https://", "data:", "file:"]))
def test_any_text_has_an_answer(text: str, start: str) -> None:
    """No input raises, and what passes is data or names an allowed host."""
    url = start + text
    if refusal(url, ALLOWED) is None:
        assert url[:5].lower() == "data:" or str(urlsplit(url).hostname) in {one.partition(":")[0] for one in ALLOWED}


@pytest.mark.timeout(20)
def test_length_costs_no_more_than_its_share() -> None:
    """Neither pattern backtracks."""
    for long in ("data:" + ";a" * 2_000_000, "data:a/" + "a" * 4_000_000, "https://" + "a." * 2_000_000):
        assert refusal(long, ALLOWED)
    assert refusal("https://images.example.com/" + "a" * 4_000_000, ALLOWED) is None
