"""Images through the gateway to a vision-language model, and every way to misuse them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.pictures import Gallery, as_data, bomb, png
from tests.e2e.vision_checkpoint import IMAGE_TOKENS
from tests.serving import Serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

RED, BLUE = as_data(png("red")), as_data(png("blue"))


def ask(surface: Serving, *urls: str, model: str = "vision", **more: Any) -> httpx.Response:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is this?"}, *images]
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 8, "temperature": 0}
    return httpx.post(f"{surface.url}/v1/chat/completions", json={**body, **more}, timeout=60)


def said(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_what_is_in_an_image_reaches_the_model(surface: Serving) -> None:
    """Another colour, another order or no image: another answer; the same image: the same answer."""
    texts = [said(ask(surface, *urls)) for urls in ((RED,), (BLUE,), (RED, BLUE), (BLUE, RED), ())]
    assert len(set(texts)) == 5
    assert said(ask(surface, RED)) == texts[0]


def test_an_image_is_counted_in_the_prompt(surface: Serving) -> None:
    """Each takes the same number of tokens, of which some are its patches."""
    counts = [ask(surface, *urls).json()["usage"]["prompt_tokens"] for urls in ((), (RED,), (RED, BLUE))]
    assert counts[2] - counts[1] == counts[1] - counts[0] > IMAGE_TOKENS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "What is this?"},
                                                   {"type": "input_image", "image_url": RED, "detail": "auto"}]}],
            "max_output_tokens": 8,
        }),
        ("/v1/messages", {
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {
                    "type": "base64", "media_type": "image/png", "data": RED.partition(",")[2]}}]}],
            "max_tokens": 8,
        }),
    ],
)  # fmt: skip
def test_the_other_surfaces_take_images(surface: Serving, path: str, body: dict[str, Any]) -> None:
    """To a model that takes them; to another they are refused as in a chat."""
    answer = httpx.post(f"{surface.url}{path}", json={"model": "vision", "temperature": 0, **body}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert said(ask(surface, RED)) in answer.json().__repr__()
    blind = httpx.post(f"{surface.url}{path}", json={"model": "dense", **body}, timeout=60)
    assert blind.status_code == 400
    assert "takes no images" in blind.json()["error"]["message"]


def test_a_text_model_refuses_by_the_parts_name(surface: Serving) -> None:
    """And says who takes images."""
    error = refused(ask(surface, RED, model="dense"))
    assert error["param"] == "messages[0].content[1].image_url"
    assert "vision" in error["message"]


def test_only_named_hosts_are_asked(surface: Serving, pictures: Gallery) -> None:
    """An allowed host's picture is fetched; no other host is, whatever its address looks like."""
    assert said(ask(surface, f"{pictures.url}/red.png")) == said(ask(surface, RED))
    port = pictures.host.partition(":")[2]
    asked = len(pictures.asked)
    for url in (
        f"http://localhost:{port}/red.png",
        f"http://127.1:{port}/red.png",
        f"http://2130706433:{port}/red.png",
        f"http://[::ffff:127.0.0.1]:{port}/red.png",
        f"http://127.0.0.1.:{port}/red.png",
        f"http://{pictures.host}@localhost:{port}/red.png",
        f"http://localhost:{port}\\@{pictures.host}/red.png",
        "http://127.0.0.1:1/red.png",
        "https://example.com/red.png",
    ):
        assert refused(ask(surface, url))["param"] == "messages[0].content[1].image_url"
    assert len(pictures.asked) == asked


def test_no_redirect_is_followed(surface: Serving, pictures: Gallery) -> None:
    """Not even to the host itself: what it leads to is nobody's choice but the host's."""
    refused(ask(surface, f"{pictures.url}/to/{pictures.url}/red.png"))
    assert pictures.asked[-1].startswith("/to/")


def test_a_picture_that_is_not_there_is_the_requests_fault(surface: Serving, pictures: Gallery) -> None:
    """A 400 at once, and not a broken engine."""
    assert refused(ask(surface, f"{pictures.url}/missing"))["code"] == "invalid_request"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "data:image/png;base64,@@@",
        "data:image/png;base64,aGVsbG8=",
        "data:image/png,hello",
        as_data(bomb(8_000)),
        as_data(bomb(30_000)),
        RED[:-40],
        RED[:60],
    ],
    ids=["file", "no base64", "no image", "no encoding", "64 megapixels", "900 megapixels", "no end", "no middle"],
)
def test_what_is_no_image_is_refused(surface: Serving, url: str) -> None:
    """Files, noise, and a few kilobytes that would decode to gigabytes: a 400 that says it is the message."""
    assert str(refused(ask(surface, url))["param"]).startswith("messages")


def test_counts_and_kinds_are_bounded(surface: Serving) -> None:
    """More images than allowed, sound, moving pictures, documents and tensors."""
    assert "2 images" in refused(ask(surface, RED, BLUE, RED))["message"]
    for part in (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "AAAA"}},
        {"type": "image_embeds", "image_embeds": "AAAA"},
    ):
        messages = [{"role": "user", "content": [part]}]
        assert str(refused(ask(surface, messages=messages))["param"]).startswith("messages[0].content[0]")
    assert refused(ask(surface, RED, mm_processor_kwargs={"size": {"longest_edge": 10_000}}))
    assert said(ask(surface, RED))
