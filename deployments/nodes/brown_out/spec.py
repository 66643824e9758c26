"""What a brown-out's section says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.capability import Capabilities
from deployments.graph.kind import KindSpec
from deployments.graph.when import When
from deployments.nodes.split.key import Sticky
from deployments.strict import Loc, Strict, fail, not_empty, problem


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_list)]


class CapSpec(Strict):
    """While a share is moved, answers to these ``classes`` of an admission have at most ``max_tokens`` tokens.

    Keep it below the context of every model that may answer: engines refuse a limit that no answer could reach.
    """

    max_tokens: int = Field(strict=True, ge=1)
    classes: Annotated[Names, AfterValidator(not_empty)]


class BrownOutSpec(KindSpec):
    """A pool, and who stands in for it, the best first, while its capacity is late.

    A configuration need not say ``to`` where models say whom they stand in for. Requests for which ``unless`` holds,
    and those of the classes of an admission in ``keep_classes``, stay with the pool. With a ``cap`` best effort becomes
    shorter meanwhile, whoever answers.
    """

    brown_out: str = Field(alias="brown-out", min_length=1)
    to: Names = ()
    sticky: Sticky = "session"
    unless: When | None = None
    keep_classes: Names = ()
    cap: CapSpec | None = None

    @model_validator(mode="after")
    def _somebody_stands_in(self) -> Self:
        fail("brown-out", self._contradictions())
        return self

    def _contradictions(self) -> Iterator[InitErrorDetails]:
        pool = self.brown_out
        if not self.to:
            told = f"has no stand-in; name one in `to`, or write `stands_in_for: [{pool}]` under the model that is one"
            yield problem(("brown-out",), "nobody", told, pool)
        for at, name in enumerate(self.to):
            if name == pool:
                yield problem(("to", at), "same", "cannot stand in for itself; name another model", name)
            elif name in self.to[:at]:
                yield problem(("to", at), "repeated", "already stands in here", name)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the pool, then the stand-ins in order."""
        return [(("brown-out",), self.brown_out), *((("to", at), name) for at, name in enumerate(self.to))]

    def gives(self, given: Callable[[str], Capabilities]) -> Capabilities:
        """Return what the pool gives: a request that no stand-in can take stays there."""
        return given(self.brown_out)
