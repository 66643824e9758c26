"""What the audit trail hears of one request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from deployments.audit.lines import Answered
from deployments.audit.settings import AuditSettings
from deployments.cost.charge import Charge, Tally
from deployments.nodes.record.heard import Heard
from deployments.request import Context, Frame, Request
from deployments.telemetry.records import CANCELLED

# No body is larger than a number of so many digits says.
_DIGITS = 12


def nobody(context: Context) -> str:  # noqa: ARG001
    """Know of no key."""
    return ""


def unversioned(model: str) -> str:  # noqa: ARG001
    """Know of no version."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What others know of a request: the name of the caller's key, and a model's version."""

    key: Callable[[Context], str] = nobody
    version: Callable[[str], str] = unversioned


class Taken:
    """Listens to one answer; ``record`` may be called in another thread once the answer has come to its end."""

    def __init__(self, request: Request, context: Context, settings: AuditSettings, clock: Callable[[], float]) -> None:
        self._request, self._context, self._policy = request, context, settings.text
        self._heard = Heard(clock, text=False)
        self._pieces: list[str] = []
        self._sent = hashlib.sha256()
        self._arms: dict[str, str] = {}
        self._unseen = 0
        self._cost = Tally()
        self.outcome = CANCELLED

    @property
    def answered(self) -> bool:
        """Say whether anything was generated for the request."""
        return self._heard.head is not None

    @property
    def source(self) -> int:
        """Return about how many bytes of text the record is made of."""
        return self._asked() + sum(map(len, self._pieces))

    @property
    def full(self) -> bool:
        """Say whether the record holds all of it."""
        return self._policy == "full"

    def saw(self, frame: Frame) -> None:
        """Take note of a frame."""
        if frame.head is not None and not self._heard.begun:
            self._pieces.clear()  # of a branch that was given up
        self._heard.take(frame)
        self._sent.update(frame.data)
        if frame.text and self._policy != "none":
            self._pieces.append(frame.text)

    def chose(self, node: str, arm: str) -> None:
        """Take note of a choice, and let others hear it too."""
        self._arms[node] = arm
        self._context.chose(node, arm)

    def unseen(self, tokens: int) -> None:
        """Take note of tokens that no client sees, and let others hear it too."""
        self._unseen += tokens
        self._context.unseen(tokens)

    def spent(self, charge: Charge) -> None:
        """Take note of what a call cost, and let others hear it too."""
        self._cost.add(charge)
        self._context.spent(charge)

    def end(self, outcome: str) -> None:
        """Note how it ended."""
        self.outcome = outcome
        self._heard.end()

    def _asked(self) -> int:
        declared = self._context.headers.get("content-length", "")
        if declared.isdecimal() and len(declared) < _DIGITS:
            return int(declared)
        return len(_encoded(self._request.body))

    def record(self, facts: Facts) -> Answered:
        """Return the record."""
        context, heard, head = self._context, self._heard, self._heard.head
        text, hashed, full = "".join(self._pieces), self._policy != "none", self._policy == "full"
        model = head.model if head is not None else ""
        return Answered(
            at_s=context.now.timestamp(),
            request_id=context.request_id,
            tenant=context.tenant,
            key=facts.key(context),
            endpoint=self._request.endpoint,
            entry=self._request.model or (head.path[0] if head is not None and head.path else ""),
            outcome=self.outcome,
            stream=self._request.stream,
            duration_s=round(heard.elapsed_s, 6),
            ttft_s=None if heard.ttft_s is None else round(heard.ttft_s, 6),
            model=model,
            version=facts.version(model) if model else "",
            replica=head.replica if head is not None else "",
            path=head.path if head is not None else context.path,
            arms=self._arms,
            notes=head.notes if head is not None else {},
            cost=self._cost.sums(),
            prompt_tokens=heard.prompt_tokens,
            completion_tokens=heard.tokens,
            unseen_tokens=self._unseen,
            finish_reason=heard.finish_reason,
            prompt_sha256=_hash(self._request.body) if hashed else "",
            text_sha256=hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() if text else "",
            sent_sha256=self._sent.hexdigest() if hashed and head is not None else "",
            prompt=self._request.body if full else None,
            text=text if full else None,
        )


def _hash(body: Mapping[str, object]) -> str:
    data = _encoded(body)
    return hashlib.sha256(data).hexdigest() if data else ""


def _encoded(body: Mapping[str, object]) -> bytes:
    try:
        return msgspec.json.encode(body, order="deterministic")
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):  # such as half a surrogate pair
        return b""
