"""How often does a semantic cache give a wrong answer? ``python -m benchmarks.semantic_cache``.

The questions of ``semantic_pairs.tsv`` get their vectors from demo/embedding, served as it ships. Then all first
questions lie in the cache's own index, and every second one is asked, for many thresholds, and for all that may have to
be the ``same`` beside the vectors. ``--again`` computes the tables from the vectors of the last run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import httpx
import msgspec

from benchmarks.contenders.places import scratch_directory
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.semantic_pairs import Pair, read
from benchmarks.semantic_rates import Point, Store, total
from benchmarks.served import served
from deployments.answers.neighbours import direction_of
from deployments.nodes.cache.question import canonical
from deployments.nodes.cache.spec import Same

MODEL = "demo/embedding"
THRESHOLDS = (0.80, 0.85, 0.88, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
BY_KIND = 0.95
SAMES: tuple[Same, ...] = ("nothing", "particulars", "words")
LANGUAGES = {"en": "English", "zh": "Chinese", "": "both"}
_VECTORS = Path(tempfile.gettempdir()) / "tercet-semantic-vectors.json"
_TIMED = 40


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: the time of one call for one vector (seconds, median), and every threshold."""

    model: str
    pairs: int
    call_s: float
    points: tuple[Point, ...]


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """The vector of every question, and how long one took."""

    call_s: float
    by_text: dict[str, list[float]]


def vectors(texts: Sequence[str]) -> Vectors:
    """Serve the model and return the vector of every text, as the cache asks for them."""
    pool = {"family": "pooling", "source": MODEL, "replicas": {"min": 1, "max": 1}}
    with (
        scratch_directory() as directory,
        served({"models": {"embed": pool}}, directory) as it,
        httpx.Client(base_url=f"http://127.0.0.1:{it.port}", timeout=60) as client,
    ):
        asked = [canonical(text) for text in texts]
        found = {text: _vector(client, said) for text, said in zip(texts, asked, strict=True)}
        took = []
        for said in asked[:_TIMED]:
            began_s = time.perf_counter()
            _vector(client, said)
            took.append(time.perf_counter() - began_s)
    return Vectors(call_s=median(took), by_text=found)


def _vector(client: httpx.Client, text: str) -> list[float]:
    body = {"model": "embed", "input": [text], "encoding_format": "float"}
    answer = client.post("/v1/embeddings", json=body)
    answer.raise_for_status()
    vector: list[float] = answer.json()["data"][0]["embedding"]
    return vector


def points(pairs: Sequence[Pair], known: Vectors) -> tuple[Point, ...]:
    """Return every threshold of every language, for all that may have to be the same."""
    directions = {text: direction_of(tuple(vector)) for text, vector in known.by_text.items()}
    told = {text: direction for text, direction in directions.items() if direction is not None}
    return tuple(
        Store(pairs, told, same).point(language, at_least)
        for language in LANGUAGES for same in SAMES for at_least in THRESHOLDS
    )  # fmt: skip


def sheets(found: Found) -> list[Sheet]:
    """Return the tables."""
    made = []
    for language, name in LANGUAGES.items():
        rows = [
            [f"{at_least:.2f}", *(cell for same in SAMES for cell in _cells(_point(found, language, at_least, same)))]
            for at_least in THRESHOLDS
        ]
        one = _point(found, language, BY_KIND, "nothing")
        asked = f"{total(one.hits.values()).asked} paraphrases, {total(one.wrong.values()).asked} other questions"
        head = ["at_least", *(f"{same}: {what}" for same in SAMES for what in ("hits", "wrong", "at most"))]
        made.append(Sheet(f"{name}: {asked}", head, rows))
    return [*made, _kinds(found)]


def _point(found: Found, language: str, at_least: float, same: Same) -> Point:
    wanted = (language, same, at_least)
    return next(one for one in found.points if (one.language, one.same, one.at_least) == wanted)


def _cells(point: Point) -> list[str]:
    hits, wrong = total(point.hits.values()), total(point.wrong.values())
    return [f"{hits.share:.1%}", f"{wrong.share:.1%}" + "+" * (point.strayed > 0), f"{wrong.at_most:.1%}"]


def _kinds(found: Found) -> Sheet:
    rows = []
    for language in ("en", "zh"):
        every = [_point(found, language, BY_KIND, same) for same in SAMES]
        for kind in (*every[0].hits, *every[0].wrong):
            rates = [{**one.hits, **one.wrong}[kind] for one in every]
            what = "right" if kind in every[0].hits else "wrong"
            rows.append([LANGUAGES[language], kind, what, *(f"{one.given} of {one.asked}" for one in rates)])
    return Sheet(f"Given by kind, at_least {BY_KIND:g}", ["language", "kind of pair", "an answer is", *SAMES], rows)


_SAID = """# False hits of the semantic cache

{pairs} pairs of questions, {model}; one vector takes {ms:.0f} ms through the gateway. Every second question is asked of
an index with all first ones. `hits` are paraphrases that got their own answer, `wrong` other questions that got any;
`+` marks paraphrases that got another's. `at most` is the upper end of Wilson's 95 % interval. `nothing`, `particulars`
and `words` are what must be the `same` beside the vectors.

The pairs are made to be confused, so `wrong` is a share of hard cases, not of traffic. The rules of `particulars` were
written before they had been measured against any pair, those of `words` after `particulars` had let questions through
that differ in the order of their words, and Chinese ones that differ in their subject: demo/embedding reads English,
and many Chinese signs are one to it. The pairs of kind `small word` were written together with the last form of
`words`, those of kind `left out` after it, against what it leaves out; no rule was changed for them. Under `words` the
vectors are a second opinion, and what is given are light changes of wording; `reworded` pairs need `particulars` or
`nothing`, and a better model.

"""


def written(found: Found) -> str:
    """Render the results for a file."""
    said = _SAID.format(pairs=found.pairs, model=found.model, ms=1000 * found.call_s)
    return said + "\n\n".join(sheet.markdown() for sheet in sheets(found)) + "\n"


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="use the vectors of the last run")
    pairs = read()
    if parser.parse_args().again:
        known = msgspec.json.decode(_VECTORS.read_bytes(), type=Vectors)
    else:
        known = vectors([text for pair in pairs for text in (pair.first, pair.second)])
        _VECTORS.write_bytes(msgspec.json.encode(known))
    found = Found(model=MODEL, pairs=len(pairs), call_s=known.call_s, points=points(pairs, known))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "semantic_cache.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    (FOLDER / "semantic_cache.md").write_text(written(found))
    show_sheets(sheets(found))


if __name__ == "__main__":
    main()
