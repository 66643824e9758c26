"""The nearest of given examples: what a prompt is about, by a small embedding model, in time or not at all."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from deployments.errors import EngineFailed
from deployments.graph.breaker import Breaker
from deployments.graph.embedding import Embedding
from deployments.graph.features import Prompt
from deployments.graph.labels import Labels, Vector, centroids, nearest
from deployments.graph.reading import Reading, read
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.quantities import Seconds
from deployments.request import Context, unspent, untold
from deployments.standing import ALONE
from deployments.strict import Strict, fail, not_empty, problem

MOST_LABELS = 32
MOST_EXAMPLES = 32
MOST_REMEMBERED = 4096
# Small embedding models read some 250 tokens, which Chinese fills with as many characters.
READ_CHARS = 200
LEARN_S = 30.0
LEARN_AGAIN_S = 600.0

Examples = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], AfterValidator(not_empty)]


class ClassifierSpec(Strict):
    """A pooling model, and for each label a few prompts that are typical of it.

    ``wait`` bounds what a request waits for its label; without one in time the rules judge.
    """

    model: str = Field(min_length=1)
    examples: dict[str, Examples]
    wait: Seconds = Field(default=0.05, gt=0, le=5)

    @field_validator("examples", mode="after")
    @classmethod
    def _few_enough(cls, examples: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if not 2 <= len(examples) <= MOST_LABELS:  # noqa: PLR2004
            rule = f"has {len(examples)} labels; give from 2 to {MOST_LABELS}"
            fail("examples", [problem((), "labels", rule, list(examples))])
        fail("examples", [
            problem((label,), "too_many", f"has {len(listed)} examples; give at most {MOST_EXAMPLES}", label)
            for label, listed in examples.items() if len(listed) > MOST_EXAMPLES
        ])  # fmt: skip
        return examples


@dataclass(slots=True)
class Learned:
    """What outlives a graph: the centroids once they are known, and the labels of prompts seen lately."""

    centroids: Mapping[str, Vector] | None = None
    at_s: float = 0.0
    learning: bool = False
    seen: OrderedDict[bytes, Labels] = field(default_factory=OrderedDict)
    breaker: Breaker = field(default_factory=Breaker)


class Classifier:
    """Asks the pooling model for the node *name*; with the same examples and model a new graph keeps what was learned.

    Labels are learned anew from time to time, since engines may still be those of the model before when a graph
    changes, and at once when vectors have another length than before.
    """

    def __init__(self, name: str, spec: ClassifierSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        told = f"{spec.model_dump_json(exclude={'wait'})} {wiring.identity(spec.model)}"
        made = hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).hexdigest()
        self._learned = wiring.remembered(f"classifier {made}", Learned, Learned)
        self._embedding = Embedding(
            name=name, role="classifier", model=spec.model, wiring=wiring, breaker=self._learned.breaker
        )

    async def labels(self, subject: Subject) -> Labels | None:
        """Return how the prompt scores, None where that is not known in time."""
        text = asked(subject.reading)
        # Whoever learns at once what another has asked before would learn that it was asked.
        known_to = f"{subject.context.standing.prefixes}\0{text}"
        key = hashlib.blake2b(known_to.encode("utf-8", "replace"), digest_size=16).digest()
        known = self._learned.centroids
        if known is None or self._wiring.clock() - self._learned.at_s > LEARN_AGAIN_S:
            self._learn(subject.context)
        if (seen := self._learned.seen.get(key)) is not None:
            self._learned.seen.move_to_end(key)
            return seen
        if known is None:
            return None
        vectors = await self._embedding.vectors([text], subject.context, self._spec.wait)
        if vectors is None:
            return None
        try:
            labels = nearest(vectors[0], known, self._spec.model)
        except EngineFailed:
            self._learned.centroids = None
            self._learned.seen.clear()
            self._learn(subject.context)
            return None
        return self._kept(key, labels) if known is self._learned.centroids else labels

    def _learn(self, context: Context) -> None:
        """Begin to find out where the labels lie, unless that is under way; no request waits for it.

        The examples are the operator's, so nobody is charged for them, and they stay with nobody.
        """
        if not self._learned.learning:
            nobodys = replace(context, charged=False, account=None, standing=ALONE, spent=unspent, unseen=untold)
            learning = self._learn_centroids(replace(nobodys, deadline_s=float("inf")))
            self._learned.learning = self._wiring.background.start(learning, name=f"{self._name} learns its labels")

    async def _learn_centroids(self, context: Context) -> None:
        try:
            listed = [(label, asked(_reading(text))) for label, texts in self._spec.examples.items() for text in texts]
            vectors = await self._embedding.vectors([text for _, text in listed], context, LEARN_S)
            if vectors is not None:
                by_label: dict[str, list[Vector]] = {label: [] for label in self._spec.examples}
                for (label, _), vector in zip(listed, vectors, strict=True):
                    by_label[label].append(vector)
                self._learned.centroids, self._learned.at_s = centroids(by_label), self._wiring.clock()
                self._learned.seen.clear()
        finally:
            self._learned.learning = False

    def _kept(self, key: bytes, labels: Labels) -> Labels:
        self._learned.seen[key] = labels
        if len(self._learned.seen) > MOST_REMEMBERED:
            self._learned.seen.popitem(last=False)
        return labels


def asked(reading: Reading) -> str:
    """Return the beginning of what the client asks, code blocks aside."""
    return (reading.ask.strip() or reading.text.strip())[:READ_CHARS] or "nothing"


def _reading(text: str) -> Reading:
    return read(Prompt(text=text, question=text))
