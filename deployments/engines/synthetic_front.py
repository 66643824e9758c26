"""What stands between a request and a synthetic engine's steps: which endpoints it answers, and how."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from deployments.adapters import served_name
from deployments.engines.responses_wire import ResponseAnswer
from deployments.engines.synthetic_bodies import GENERATING
from deployments.engines.synthetic_instant import INSTANT, VECTORS
from deployments.engines.synthetic_kept import Kept
from deployments.engines.synthetic_rendering import rendering
from deployments.engines.synthetic_request import read
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.engines.synthetic_stream import Stream
from deployments.errors import Invalid
from deployments.request import Context, Frame, Head, Request
from deployments.response_id import Place


class Front:
    """Turns requests into answers at once, or into streams for the batch; ``wall`` is Unix time."""

    def __init__(
        self, name: str, place: Place, spec: SyntheticSpec, *, pooling: bool, wall: Callable[[], float]
    ) -> None:
        self._name, self._place, self._spec, self._pooling, self._wall = name, place, spec, pooling, wall
        self._kept = Kept()

    def at_once(self, request: Request, context: Context) -> Frame | None:
        """Return the answer that takes no step, None where steps are needed."""
        self._check_work(request)
        told = self._told(request)
        return None if told is None else Frame(data=told, head=self._head(request, context))

    def opened(self, request: Request, context: Context, now_s: float) -> Stream:
        """Return a stream for the batch; raises an Invalid where the request cannot be answered."""
        if request.endpoint not in GENERATING:
            raise Invalid(f"a synthetic engine does not answer {request.endpoint} requests")
        ask = read(request, self._spec, before=self._kept.before(request))
        head = self._head(request, context)
        written = rendering(request, ask, context, model=head.model, place=self._place, created=int(self._wall()))
        return Stream(ask, request, context, written, head=head, now_s=now_s)

    def emitted(self, stream: Stream) -> None:
        """Keep a response that is complete, before its reader can ask for it."""
        ending, written = stream.ending, stream.rendering
        if ending is None or not isinstance(written, ResponseAnswer) or stream.request.body.get("store") is False:
            return
        self._kept.keep(written.id, f"{stream.ask.prompt}{ending.text}\n", written.whole(ending), stream.owner)

    def _check_work(self, request: Request) -> None:
        if (request.endpoint in VECTORS) != self._pooling and request.endpoint != "tokenize":
            does = "embeddings, scores and rankings" if self._pooling else "what generates text"
            raise Invalid(f"model: {self._name} answers {does}, not {request.endpoint} requests", param="model")

    def _told(self, request: Request) -> bytes | None:
        if request.endpoint == "count_tokens":
            return msgspec.json.encode({"input_tokens": read(request, self._spec).prompt_tokens})
        if request.endpoint in ("response", "response_cancel"):
            return self._kept.answer(request)
        answer = INSTANT.get(request.endpoint)
        if answer is None:
            return None
        named = {"model": served_name(self._name, request.adapter)} if request.endpoint in VECTORS else {}
        return msgspec.json.encode({**named, **answer(request.body, self._spec)})

    def _head(self, request: Request, context: Context) -> Head:
        model = served_name(self._name, request.adapter)
        return Head(model=model, path=context.path, replica=self._place.replica)
