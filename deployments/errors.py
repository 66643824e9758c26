"""The one error tree of the data path.

Each code is also the wire error's ``code``, the metric label and, by the class, the HTTP status::

    ServingError
    ├── Invalid            400  the request itself is wrong; retrying it elsewhere cannot help
    │   ├── UnknownModel   404
    │   ├── NotFound       404
    │   ├── Unauthorized   401
    │   ├── Forbidden      403
    │   ├── ContextTooLong 400
    │   ├── ContentRefused 400
    │   ├── BodyTooLarge   413
    │   └── UnsupportedMedia 415
    ├── Rejected           503  never started; safe to try elsewhere or later
    │   ├── Overloaded     503
    │   ├── TooManyRequests 429
    │   │   ├── RateLimited     429
    │   │   └── BudgetExhausted 429
    │   ├── StoreUnavailable 503  what says who may do how much does not answer
    │   ├── AuditUnavailable 503  what is answered must be recorded, and cannot be
    │   ├── StaysLocal     403  it would leave the cluster, and may not; a target inside can take it
    │   ├── CircuitOpen    503
    │   ├── Misconfigured  503  the deployment's own settings are wrong; its operator can mend them
    │   ├── Withheld       400  holds what may not leave for this target; another may answer it
    │   └── NoReplica      503
    ├── TimedOut           504
    │   ├── DeadlineExceeded  504  the request's own time is over; no branch can help
    │   ├── Stalled           504  this branch fell silent; another may not
    │   └── FirstTokenTimeout 504  this branch is late; another may not be
    ├── Declined           503  the answer was judged not good enough; another target may do better
    └── EngineFailed       503  the engine broke while it held the request
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class ServingError(Exception):
    """A request that ended without its answer, with what the client is told.

    ``param`` names the field of the request at fault; ``retry_after_s`` is advice in seconds, set where waiting helps.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.param, self.retry_after_s)


def _rebuild(kind: type[ServingError], message: str, param: str | None, retry_after_s: float | None) -> ServingError:
    return kind(message, param=param, retry_after_s=retry_after_s)


class Invalid(ServingError):
    """The request is wrong and would be wrong everywhere."""

    code = "invalid_request"
    status = 400
    kind = "invalid_request_error"


class UnknownModel(Invalid):
    """No model or graph node has the name that the client asked for."""

    code = "model_not_found"
    status = 404


class NotFound(Invalid):
    """What the request refers to does not exist, or no longer."""

    code = "not_found"
    status = 404


class Unauthorized(Invalid):
    """The caller has not shown that it may do this."""

    code = "unauthorized"
    status = 401
    kind = "authentication_error"


class Forbidden(Invalid):
    """Nobody may do this here."""

    code = "forbidden"
    status = 403
    kind = "permission_error"


class ContextTooLong(Invalid):
    """The prompt and the requested completion do not fit the model's context."""

    code = "context_length_exceeded"


class ContentRefused(Invalid):
    """The prompt, or the answer to it, holds what the deployment's policy does not let through."""

    code = "content_policy_violation"


class BodyTooLarge(Invalid):
    """The body exceeds the configured size."""

    code = "body_too_large"
    status = 413


class UnsupportedMedia(Invalid):
    """The body is not of a media type that the endpoint takes."""

    code = "unsupported_media_type"
    status = 415


class Rejected(ServingError):
    """The request was turned away before any work was done on it."""

    code = "rejected"
    status = 503
    kind = "overloaded_error"


class Overloaded(Rejected):
    """The pool has as many requests waiting as it is allowed to hold."""

    code = "pool_overloaded"


class TooManyRequests(Rejected):
    """The caller has more requests under way than it may have."""

    code = "too_many_requests"
    status = 429
    kind = "rate_limit_error"


class RateLimited(TooManyRequests):
    """The caller, its tenant or the model has had as much as it may have for now."""

    code = "rate_limit_exceeded"


class BudgetExhausted(TooManyRequests):
    """Too little is left of a budget for what the request may come to."""

    code = "budget_exhausted"
    kind = "insufficient_quota"


class StoreUnavailable(Rejected):
    """The store of keys, limits and budgets does not answer."""

    code = "store_unavailable"


class AuditUnavailable(Rejected):
    """What is generated must be recorded, and the record cannot be kept; whatever was generated is not acknowledged."""

    code = "audit_unavailable"


class StaysLocal(Rejected):
    """The target is on another server, and nothing of the caller's tenant may go there."""

    code = "stays_local"
    status = 403
    kind = "permission_error"

    @classmethod
    def at(cls, model: str) -> StaysLocal:
        """Return the refusal of *model*, which is another server's."""
        return cls(f"{model}: nothing of this tenant goes to models of other servers")


class NoReplica(Rejected):
    """No replica of the pool became able to answer in time."""

    code = "no_replica"


class CircuitOpen(Rejected):
    """The target has failed so much lately that it is left alone for a while."""

    code = "circuit_open"


class Withheld(Rejected):
    """The request holds what may not leave for its target, and has not left; one that stays here may answer it."""

    code = "withheld"
    status = 400
    kind = "invalid_request_error"


class Misconfigured(Rejected):
    """What the deployment was given to reach a model with does not open it: a key, a name, an address."""

    code = "misconfigured"
    kind = "server_error"


class TimedOut(ServingError):
    """Something took longer than it was given."""

    code = "timeout"
    status = 504
    kind = "timeout_error"


class DeadlineExceeded(TimedOut):
    """The request's own deadline passed."""

    code = "deadline_exceeded"


class FirstTokenTimeout(TimedOut):
    """A branch produced no token within the time that its fallback allows."""

    code = "first_token_timeout"


class Stalled(TimedOut):
    """A branch produced no further token within the time that its fallback allows."""

    code = "stalled"


class Declined(ServingError):
    """A branch's answer was judged, and found not good enough to be given to the client."""

    code = "declined"
    status = 503


class EngineFailed(ServingError):
    """The engine, or its whole replica, broke while it held the request."""

    code = "engine_failed"
    status = 503


def all_errors(root: type[ServingError] = ServingError) -> Iterator[type[ServingError]]:
    """Yield every class of the tree, the root first."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def by_code(code: str) -> type[ServingError]:
    """Return the class whose code is *code*; an unknown code is a plain ServingError."""
    return next((error for error in all_errors() if error.code == code), ServingError)
