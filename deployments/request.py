"""What travels through a serving graph: a Request down, Frames back, a Context beside both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from deployments.standing import ALONE, Standing

if TYPE_CHECKING:
    from deployments.cost.charge import Charge

# The name is the metric label, the log field, and the key of the tables that say how each endpoint is checked,
# answered by an engine, and rendered.
Endpoint = Literal[
    "chat",
    "completion",
    "responses",
    "response",
    "response_cancel",
    "messages",
    "count_tokens",
    "embeddings",
    "score",
    "rerank",
    "tokenize",
    "detokenize",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """How far an answer had come when whoever made it was lost; ``ids`` are tokens of the pool ``model``."""

    model: str
    text: str
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One client call, parsed and validated once at the gateway.

    ``body`` is the wire body as the client sent it; engines read it, nodes replace it, nobody mutates it. ``adapter``
    is the LoRA adapter that the client asked for, "" for the model itself. ``replica`` is set where only one replica
    can answer, because it keeps what the client refers to.

    With ``traced`` every frame tells its ``ids``, with ``judged`` its ``logprob`` and ``margin``; neither changes what
    the client gets. With ``resume`` the engine goes on where the answer broke off, and its frames hold
    only what follows.
    """

    endpoint: Endpoint
    model: str
    body: Mapping[str, Any]
    stream: bool = False
    adapter: str = ""
    replica: str = ""
    traced: bool = False
    judged: bool = False
    resume: Resume | None = None


def unheard(node: str, choice: str) -> None:
    """Ignore what nodes choose."""


def untold(tokens: int) -> None:
    """Ignore tokens that no client sees."""


def unspent(charge: Charge) -> None:
    """Ignore what calls cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a request carries that is not part of the call itself.

    ``deadline_s`` is on this process's monotonic clock. ``path`` lists the nodes entered so far, outermost first;
    a branch that failed stays in it as ``name!code``. ``headers`` are the client's, lower-cased. A higher ``priority``
    is served first; ``group`` is the class that an admission put it in, ``standing`` what is configured for the tenant.
    ``branch`` tells apart the calls that one request makes, since engines know calls by their id; one that is ``apart``
    goes to a replica that has no other call of the request, where there is one.
    What is not ``charged`` nobody asked for, and nobody pays. ``chose`` is told, by nodes that give a request to one of
    several arms, their name and the arm's; ``unseen``, by nodes that generate more than they give, how many tokens that
    was; ``spent``, by models, what calls cost that came to their end. ``span`` is the tracing span that the next node's
    lies in, None where the request is not traced. ``account`` is what is charged for it, None where nobody is.
    """

    request_id: str
    deadline_s: float
    now: datetime
    tenant: str = "anonymous"
    standing: Standing = ALONE
    headers: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    priority: int = 0
    group: str = ""
    branch: str = ""
    apart: bool = False
    charged: bool = True
    chose: Callable[[str, str], None] = unheard
    unseen: Callable[[int], None] = untold
    spent: Callable[[Charge], None] = unspent
    span: Any = None
    account: Account | None = None

    def enter(self, node: str) -> Context:
        """Return the context of the branch that goes through *node*."""
        return replace(self, path=(*self.path, node))

    def fork(self, label: str) -> Context:
        """Return the context of one of several calls for the same request; *label* is unique among its siblings."""
        return replace(self, branch=f"{self.branch}.{label}")

    @property
    def call_id(self) -> str:
        """Return the id by which an engine knows this call."""
        return self.request_id + self.branch


# Of an answer that is not streamed, whoever counts hears so many tokens at a time, while it is made.
STRIDE = 64


class Head(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Who answers, sent with a stream's first frame.

    Times are in seconds: ``engine_queue_s`` from the engine's acceptance to its scheduling, ``engine_ttft_s`` from
    acceptance to the first token, ``replica_s`` from the call's arrival at the replica to its first frame,
    ``queued_s`` the wait for a replica that could take it. ``sent_s`` is when it was sent there, on the gateway's
    monotonic clock. ``None`` where nobody tells. ``notes`` are what nodes have to say to the client, by the part of the
    header's name that follows ``x-tercet-``. ``crossed`` is how many steps of the path this request itself took, where
    the others are those of an answer that was kept; ``None`` for all.
    """

    model: str
    path: tuple[str, ...]
    replica: str = ""
    engine_ttft_s: float | None = None
    engine_queue_s: float | None = None
    replica_s: float | None = None
    queued_s: float | None = None
    sent_s: float | None = None
    notes: Mapping[str, str] = {}
    crossed: int | None = None

    def noting(self, name: str, text: str) -> Head:
        """Return the head with one more note."""
        return msgspec.structs.replace(self, notes={**self.notes, name: text})


class Frame(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One streamed unit: bytes ready for the wire, and the few fields that nodes look at.

    A streamed answer's frames hold whole server-sent events; any other answer is one frame with the whole JSON body.
    ``text`` is the first choice's delta, ``tokens`` the completion tokens in this frame over all choices,
    ``prompt_tokens`` is set on the frame that reports usage. ``head`` is set on a branch's first frame and only there;
    an answer that is not streamed sends it early, on a frame without data, when the first token exists. About every
    ``STRIDE`` tokens such an answer has another frame without data, which tells no more than their number.

    Where the request asked for them: ``ids`` are the first choice's tokens, ``logprob`` is the sum of their
    log-probabilities (natural, of the model's distribution before any sampling filter), and ``margin`` the sum of the
    differences between the most likely token's log-probability and the second's.

    ``seconds`` of its engine are what the whole call took, its share of every step, on the frame that reports usage. Of
    a stream that another replica has gone on with they are the last one's: a replica that is lost tells nobody.
    """

    data: bytes
    text: str = ""
    tokens: int = 0
    prompt_tokens: int | None = None
    finish_reason: str | None = None
    head: Head | None = None
    ids: tuple[int, ...] = ()
    # A whole number takes one byte on the wire, where 0.0 takes nine.
    logprob: float = 0
    margin: float = 0
    seconds: float = 0


Answer = Callable[[Request], AsyncGenerator[Frame]]


class Account(Protocol):
    """What one request is charged to, by every branch of it that reaches a model.

    ``key`` names the caller's key, ``headers`` tell the client of its limits.
    """

    @property
    def key(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def end(self) -> None:
        """Charge what was used, and give back the rest; a second time does nothing."""
        ...

    async def over(self, model: str, request: Request, answer: Answer, *, blind: bool) -> AsyncGenerator[Frame]:
        """Return the *answer* of *model* to *request*, with what it uses charged before each frame goes further.

        An answer that is *blind* tells nothing of what it uses before its end: where that is bounded, so is what is
        asked for. Raises a ServingError, before anything is asked of the model, where there is no room for what it may
        come to.
        """
        ...
