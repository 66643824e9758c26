"""Remote models as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.remote.spec import RemoteSpec, refusal

LEAST = {"family": "remote", "url": "https://api.example.com/v1/", "model": "gpt-x"}


@pytest.mark.parametrize(
    ("fields", "place", "told"),
    [
        ({"url": "http://api.example.com/v1"}, "url", "is not https"),
        ({"url": "http://10.0.0.7/v1"}, "url", "is not https"),
        ({"url": "https://user:pass@api.example.com"}, "url", "is not a URL such as"),
        ({"url": "https://api.example.com/v1?key=1"}, "url", "is not a URL such as"),
        ({"url": "ftp://api.example.com"}, "url", "is not a URL such as"),
        ({"url": "https://API.example.com"}, "url", "lower-case host"),
        ({"url": "https://api.example.com:65536"}, "url", "has a port greater than 65535"),
        ({"model": ""}, "model", "at least 1 character"),
        ({"key": {}}, "key", "names no key or two"),
        ({"key": {"env": "A", "file": "/b"}}, "key", "names no key or two"),
        ({"key": {"env": "sk-123"}}, "key.env", "pattern"),
        ({"key": {"file": "secrets/key"}}, "key.file", "pattern"),
        ({"key": "sk-123"}, "key", "dictionary"),
        ({"price": {"input_per_million": -1, "output_per_million": 1}}, "price.input_per_million", "greater than"),
        ({"timeout": {"first_tokn": 1}}, "timeout.first_tokn", "did you mean first_token?"),
        ({"timeout": {"between_tokens": "1ms"}}, "timeout.between_tokens", "greater than"),
        ({"concurrency": 0}, "concurrency", "greater than"),
        ({"endpoints": []}, "endpoints", "is empty"),
        ({"endpoints": ["responses"]}, "endpoints.0", "'chat'"),
        ({"replicas": {}}, "replicas", "is not a known key"),
        ({"redact": {"action": "flag"}}, "redact.action", "'mask' or 'block'"),
        ({"redact": {"entities": []}}, "redact.entities", "is empty"),
        ({"redact": {"entities": ["EMIAL"]}}, "redact.entities.0", "did you mean EMAIL?"),
        ({"redact": {"entity": ["EMAIL"]}}, "redact.entity", "did you mean entities?"),
        ({"redact": True}, "redact", "dictionary"),
        ({"redact": {}, "media": {"images": 2}}, "media.images", "only text is searched"),
        ({"redact": {}, "media": {"audio": 1}}, "media.audio", "only text is searched"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], place: str, told: str) -> None:
    """Each points at its place; a key itself is never part of a configuration."""
    with pytest.raises(ValidationError) as caught:
        RemoteSpec.model_validate({**LEAST, **fields})
    found = {".".join(map(str, line["loc"])): line["msg"] for line in caught.value.errors()}
    assert told in found[place]


def test_it_is_written_and_read_back() -> None:
    """As it travels to the gateways."""
    price = {"input_per_million": 0.5, "output_per_million": 1.5}
    spec = RemoteSpec.model_validate({**LEAST, "key": {"env": "KEY"}, "price": price, "timeout": {"connect": "2s"}})
    spec = RemoteSpec.model_validate({**spec.model_dump(exclude_none=True), "redact": {"entities": ["EMAIL"]}})
    assert RemoteSpec.model_validate(spec.model_dump(mode="json", exclude_none=True)) == spec
    assert (spec.url, spec.timeout.connect) == ("https://api.example.com/v1", 2.0)


@pytest.mark.parametrize(
    ("fields", "gives"),
    [
        ({}, {"chat", "text"}),
        ({"logprobs": True, "endpoints": ["completion"]}, {"completion", "text", "logprobs"}),
        ({"logprobs": True, "endpoints": ["embeddings"]}, {"embeddings", "vectors"}),
        ({"media": {"images": 1}}, {"chat", "text", "images"}),
        ({"endpoints": ["count_tokens"]}, {"count_tokens"}),
        ({"redact": {}, "logprobs": True}, {"chat", "text", "logprobs"}),
    ],
)
def test_what_it_gives_is_what_is_said_of_its_server(fields: dict[str, Any], gives: set[str]) -> None:
    """Nothing is guessed."""
    assert RemoteSpec.model_validate({**LEAST, **fields}).gives() == gives


@pytest.mark.parametrize(
    ("url", "allowed", "may"),
    [
        ("https://api.example.com/v1", ("api.example.com",), True),
        ("https://api.example.com:443/v1", ("api.example.com",), True),
        ("https://api.example.com/v1", ("api.example.com:443",), True),
        ("https://api.example.com:8443/v1", ("api.example.com",), True),
        ("https://api.example.com:8443/v1", ("api.example.com:9000",), False),
        ("https://api.example.com.evil.org", ("api.example.com",), False),
        ("https://example.com", ("api.example.com",), False),
        ("https://10.0.0.7/v1", (), False),
        ("https://10.0.0.7/v1", ("10.0.0.7",), True),
        ("http://127.0.0.1:8000/v1", ("127.0.0.1:8000",), True),
        ("http://127.0.0.1:8000/v1", (), False),
    ],
)
def test_only_hosts_that_are_named_are_called(url: str, allowed: tuple[str, ...], may: bool) -> None:
    """This machine and its neighbours included; a host without a port stands for all of its ports."""
    assert (refusal(url, allowed) is None) is may
