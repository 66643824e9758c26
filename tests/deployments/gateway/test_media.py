"""Media that a model does not take is refused at the gateway, on every surface and by the field's name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.errors import Invalid
from deployments.gateway.media import check_media, taken_by
from deployments.gateway.media_parts import media_parts
from deployments.gateway.settings import GatewaySettings
from deployments.media import MediaSpec
from tests.deployments.gateway.building import client, engines, gateway

DATA = "data:image/png;base64,AAAA"
REMOTE = "https://images.example.com/a.png"
SETTINGS = GatewaySettings.model_validate(
    {
        "models": {
            "dense": {"family": "dense"},
            "vision": {"family": "dense", "media": {"images": 2, "allowed_hosts": ["images.example.com"]}},
            "strict": {"family": "dense", "media": {"images": 1}},
        },
        "graph": {
            "eyes": {"fallback": ["vision", "strict"]},
            "mixed": {"fallback": ["vision", "dense"]},
        },
        "default": "dense",
    }
)


def image(url: str = DATA) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, *parts]}]}


def refused(name: str, body: dict[str, Any]) -> Invalid:
    with pytest.raises(Invalid) as caught:
        check_media(name, body, SETTINGS)
    return caught.value


def test_text_passes_everywhere() -> None:
    """A body without media is nobody's concern, whatever its tools' schemas and calls look like."""
    schema = {"type": "object", "properties": {"image_url": {"type": "image"}}}
    body = {
        "messages": [
            {"role": "user", "content": "image_url"},
            {"role": "assistant", "tool_calls": [{"function": {"arguments": {"image_url": "x"}}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "input": {"type": "image", "image_url": "x"}}]},
        ],
        "tools": [{"type": "function", "function": {"parameters": schema}}],
    }
    check_media("dense", body, SETTINGS)


@pytest.mark.parametrize("name", ["vision", "strict", "eyes", "vision:adapter"])
def test_a_model_that_takes_images_gets_them(name: str) -> None:
    """As data, without any host being allowed."""
    check_media(name, user(image()), SETTINGS)


@pytest.mark.parametrize("name", ["dense", "mixed", "dense:adapter"])
def test_a_text_model_takes_none_and_names_who_does(name: str) -> None:
    """A node is no better than the least able model that it may lead to."""
    error = refused(name, user(image()))
    assert error.param == "messages[0].content[1].image_url"
    assert f"{name} takes no images" in error.message
    assert "vision" in error.message


def test_where_no_model_takes_any_the_key_is_named() -> None:
    """The way out is in the configuration."""
    assert (
        "media.audio"
        in refused("vision", user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})).message
    )


def test_one_too_many_is_counted() -> None:
    """Over the whole request, not message by message."""
    body = {"messages": [*user(image(), image())["messages"], *user(image())["messages"]]}
    error = refused("vision", body)
    assert error.param == "messages[1].content[1].image_url"
    assert "2 images" in error.message


def test_only_named_hosts_are_asked() -> None:
    """A node asks only the hosts that all of its models may."""
    check_media("vision", user(image(REMOTE)), SETTINGS)
    assert refused("eyes", user(image(REMOTE))).param == "messages[0].content[1].image_url"
    assert "evil.net" in refused("vision", user(image("https://evil.net/secret?key=1"))).message
    assert "key=1" not in refused("vision", user(image("https://evil.net/secret?key=1"))).message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": [{"content": [image(REMOTE)]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"content": [{"image_url": REMOTE}]}]}, "messages[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": REMOTE}]}]},
         "input[0].content[0].image_url"),
        ({"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": REMOTE}]}]},
         "input[0].output[0].image_url"),
        ({"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": REMOTE}}]}]},
         "messages[0].content[0]"),
        ({"messages": [{"content": [{"type": "image", "source": {"type": "base64", "url": REMOTE}}]}]},
         "messages[0].content[0]"),
        ({"messages": [{"content": [{"type": "image", "image_url": DATA, "source": {"url": REMOTE}}]}]},
         "messages[0].content[0].image_url"),
        ({"messages": [{"content": [{"type": "tool_result", "content": [
            {"type": "image", "source": {"type": "url", "url": REMOTE}}]}]}]},
         "messages[0].content[0].content[0]"),
        ({"query": {"content": [image(REMOTE)]}, "documents": ["a"]}, "query.content[0].image_url"),
        ({"documents": {"content": [image(REMOTE)]}}, "documents.content[0].image_url"),
    ],
)  # fmt: skip
def test_every_surface_is_walked(body: dict[str, Any], field: str) -> None:
    """Wherever an image stands, a text model refuses it and a host that is not allowed is not asked."""
    assert refused("dense", body).param == field
    assert refused("strict", body).param == field


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "file", "file": {"file_data": "AAAA"}}, "documents"),
        ({"type": "document", "source": {"type": "base64", "data": "AAAA"}}, "documents"),
        ({"type": "image_embeds", "image_embeds": "AAAA"}, "tensors"),
        ({"type": "video_url", "video_url": {"url": DATA}}, "no videos"),
        ({"type": "audio_url", "audio_url": {"url": DATA}}, "no audio"),
    ],
)
def test_other_parts_are_refused(part: dict[str, Any], said: str) -> None:
    """What no model here reads is said so."""
    assert said in refused("vision", user(part)).message


@pytest.mark.parametrize("option", ["mm_processor_kwargs", "media_io_kwargs"])
def test_clients_do_not_choose_how_images_are_processed(option: str) -> None:
    """Such options would lift the bounds of the configuration."""
    assert refused("vision", {**user(image()), option: {"size": {"longest_edge": 10**6}}}).param == option


@pytest.mark.parametrize(
    "part",
    [
        {**image(), "uuid": "invoice-17"},
        {"type": "image_url", "uuid": "invoice-17", "image_url": None},
        {"type": "text", "text": "x", "uuid": "invoice-17", "image_url": None},
        {"uuid": "invoice-17", "input_audio": None},
        {"type": "tool_result", "content": [{"type": "image_url", "uuid": "invoice-17"}]},
    ],
)
def test_a_clients_own_name_for_media_is_refused(part: dict[str, Any]) -> None:
    """Whoever guessed another's would be shown theirs, or have theirs shown."""
    error = refused("vision", user(part))
    assert error.param is not None
    assert error.param.startswith("messages[0].content[1]")
    assert "uuid" in error.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "content", "image_url", "source", "url", "role", "input"]), inner)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["messages", "input", "system"]))
def test_any_shape_is_read_or_refused(value: Any, field: str) -> None:
    """Nothing but an Invalid comes out, and each part is placed in its field."""
    found = list(media_parts({field: value}))
    assert all(part.field.startswith(field) for part in found)
    with suppress(Invalid):
        check_media("vision", {field: value}, SETTINGS)


@given(JSON)
def test_a_hidden_image_is_found(noise: Any) -> None:
    """Whatever stands beside it."""
    content = [noise, image(REMOTE)]
    assert any(REMOTE in part.urls for part in media_parts({"messages": [{"role": "user", "content": content}]}))


def test_the_least_of_several_models_counts() -> None:
    """Counts by the smaller, hosts that both allow."""
    assert taken_by("eyes", SETTINGS) == MediaSpec(images=1)
    assert taken_by("mixed", SETTINGS) == MediaSpec()


async def test_the_gateway_refuses_before_any_engine_is_asked() -> None:
    """As a 400 in the surface's own error format."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json={"model": "dense", **user(image())})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages[0].content[1].image_url"
