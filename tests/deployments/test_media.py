"""The rules for media, as they are written and as vLLM gets them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.engines.media_settings import NO_HOST, arguments, environment
from deployments.media import MediaSpec


@pytest.mark.parametrize(
    "host", ["example.com", "images.example.com:8443", "10.0.0.7", "localhost", "xn--bcher-kva.de"]
)
def test_hosts_are_written_plainly(host: str) -> None:
    """A name or an address, with a port where it is not the usual one."""
    assert MediaSpec(allowed_hosts=(host,)).allowed_hosts == (host,)


@pytest.mark.parametrize(
    "host",
    [
        "https://example.com",
        "example.com/",
        "Example.com",
        "bücher.de",
        "*.example.com",
        "example.com.",
        "[::1]",
        "",
        "a:0",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    """With the way to write it."""
    with pytest.raises(ValidationError, match="is not a host such as"):
        MediaSpec(allowed_hosts=(host,))


def test_nothing_is_fetched_unless_it_is_said() -> None:
    """An empty list would mean every host to vLLM."""
    assert arguments(MediaSpec())["allowed_media_domains"] == [NO_HOST]
    told = arguments(MediaSpec(images=2, allowed_hosts=("b.example:81", "a.example", "b.example:82")))
    assert told["allowed_media_domains"] == ["a.example", "b.example"]
    assert told["mm_processor_cache_gb"] == 0
    assert told["limit_mm_per_prompt"] == {"image": 2, "audio": 0, "video": 0}


def test_fetches_follow_no_redirect_and_end_in_time() -> None:
    """A redirect would lead to a host that nobody allowed."""
    told = environment(MediaSpec(fetch_timeout="1500ms", max_pixels=10**6))
    assert told["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
    assert told["VLLM_IMAGE_FETCH_TIMEOUT"] == "2"
    assert told["VLLM_MAX_IMAGE_PIXELS"] == "1000000"


def test_ports_end() -> None:
    """The last one is a port, the next is none."""
    assert MediaSpec(allowed_hosts=("a.example:65535",)).allowed_hosts
    with pytest.raises(ValidationError, match="has a port greater than 65535"):
        MediaSpec(allowed_hosts=("a.example:65536",))
