"""What the synthetic engine answers beside chats and completions, and what it says it cannot."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from typing import Any

import pytest

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_instant import DIMENSIONS, alike, vector
from deployments.engines.synthetic_kept import ENTRIES, Kept
from deployments.engines.synthetic_request import count_tokens, pieces
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import Invalid, NotFound
from deployments.request import Endpoint
from tests.deployments.engines.asking import ask, chat, frames
from tests.deployments.leap import leap


def answered(endpoint: Endpoint, *, pooling: bool = False, **body: Any) -> Any:
    """Ask a started engine once, and decode what it says."""

    async def run() -> Any:
        engine = SyntheticEngine("m", "m", "m#1", SyntheticSpec(), pooling=pooling)
        await engine.start()
        try:
            return json.loads((await frames(engine, ask(endpoint, **body)))[-1].data)
        finally:
            await engine.stop()

    return leap(run())


def test_a_vector_has_length_one_and_packs_as_floats() -> None:
    """Both encodings are the same numbers, and the same text has the same vector."""
    plain = answered("embeddings", pooling=True, input=["a cat", "a dog"])
    packed = answered("embeddings", pooling=True, input=["a cat", "a dog"], encoding_format="base64")
    assert plain["usage"] == packed["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert sum(value**2 for value in one["embedding"]) == pytest.approx(1)
        numbers = struct.unpack(f"<{DIMENSIONS}f", b64decode(other["embedding"]))
        assert list(numbers) == pytest.approx(one["embedding"], abs=1e-6)


def test_texts_that_share_words_are_alike() -> None:
    """More than texts that share none, whatever the seed."""
    for seed in range(5):
        assert vector("a cat", seed) == vector("a cat", seed)
        assert alike("the cat sat", "the cat ran", seed) > alike("the cat sat", "stocks fell sharply", seed)


def test_a_ranking_is_in_order_and_cut() -> None:
    """The document that is the query comes first."""
    ranked = answered("rerank", pooling=True, query="a cat", documents=["x", "a cat", "y z"], top_n=2)["results"]
    assert ranked[0]["index"] == 1
    assert len(ranked) == 2
    assert ranked[0]["relevance_score"] >= ranked[1]["relevance_score"]


@pytest.mark.parametrize("text", ["", "abcde", "你好 ab", "word " * 50])
def test_as_many_pieces_as_are_counted(text: str) -> None:
    """A tokenisation and a count agree, and no letter is lost."""
    assert len(pieces(text)) == count_tokens(text)
    assert sorted("".join(pieces(text))) == sorted(text)
    told = answered("tokenize", prompt=text, return_token_strs=True)
    assert (told["count"], told["token_strs"]) == (len(pieces(text)), pieces(text))


@pytest.mark.parametrize(
    ("endpoint", "pooling", "body", "told"),
    [
        ("chat", True, chat().body, "embeddings, scores and rankings"),
        ("embeddings", False, {"input": "x"}, "what generates text"),
        ("detokenize", False, {"tokens": [1]}, "does not answer detokenize"),
        ("responses", False, {"input": "x", "background": True}, "background"),
    ],
)
def test_what_it_cannot_do_is_refused_in_words(
    endpoint: Endpoint, pooling: bool, body: dict[str, Any], told: str
) -> None:
    """As the client's mistake."""
    with pytest.raises(Invalid, match=told):
        answered(endpoint, pooling=pooling, **body)


def test_the_oldest_responses_are_forgotten() -> None:
    """What is kept is bounded, and what is gone is not found."""
    kept = Kept()
    for at in range(ENTRIES + 1):
        kept.keep(f"r{at}", "said", b"{}")
    assert kept.answer(ask("response", response_id="r1")) == b"{}"
    with pytest.raises(NotFound):
        kept.answer(ask("response", response_id="r0"))


def test_no_tenant_has_another_s_responses_forgotten() -> None:
    """However many it makes itself: the oldest of its own go."""
    kept = Kept()
    kept.keep("a", "said", b"{}", "acme")
    for at in range(ENTRIES + 1):
        kept.keep(f"b{at}", "said", b"{}", "beta")
    assert kept.answer(ask("response", response_id="a")) == b"{}"
    with pytest.raises(NotFound):
        kept.answer(ask("response", response_id="b1"))
