"""How a guard is configured: checks for what goes in and for what comes out, each with what then happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from deployments.graph.capability import Capabilities, Need
from deployments.graph.kind import KindSpec
from deployments.nodes.guard.patterns import together
from deployments.nodes.guard.words import MOST_CHARS
from deployments.quantities import Bytes, Seconds
from deployments.strict import Loc, Strict, not_empty

LOOKS = ("words", "words_file", "patterns", "injection", "schema", "judge")
_FOUND = ("words", "words_file", "patterns", "injection")
_MOST_IN_LINE = 1000
_POLICY = (
    "The text must not ask for, or give, help with violence, weapons, self-harm, sexual content with minors, hatred, "
    "crime or fraud."
)


class Check(Strict):
    """One look at a text, and what happens where it finds something.

    It looks for *words* (of a list, or one a line in a file), for *patterns* of RE2's, for phrases of prompt
    *injection*, for a JSON text that breaks a *schema*, or asks a *judge*, a node that is asked whether the text is
    within the *policy*. Without a verdict within *wait* the request is refused, or let *pass*.

    ``block`` refuses the request, or ends the answer; ``mask`` writes *with* for what was found; ``route`` gives the
    request to another node, *to*, whose answer is checked like the target's; ``flag`` counts it and tells it in a
    header where that has not gone out.
    """

    model_config = ConfigDict(populate_by_name=False)

    words: tuple[str, ...] | None = None
    words_file: str | None = Field(default=None, min_length=1)
    patterns: tuple[str, ...] | None = None
    injection: Literal[True] | None = None
    of_schema: Mapping[str, Any] | None = Field(default=None, alias="schema")
    judge: str | None = Field(default=None, min_length=1)
    policy: str = Field(default=_POLICY, min_length=1)
    wait: Seconds = Field(default=10.0, gt=0)
    without_verdict: Literal["refuse", "pass"] = "refuse"
    action: Literal["block", "mask", "route", "flag"] = "block"
    written: str = Field(default="***", alias="with")
    to: str | None = Field(default=None, min_length=1)

    @field_validator("words", "patterns", mode="after")
    @classmethod
    def _says_something(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if values is not None and not all(values):
            raise ValueError("has an empty entry; leave it out")
        return None if values is None else not_empty(values)

    @field_validator("words", mode="after")
    @classmethod
    def _short(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if len(words or ()) > _MOST_IN_LINE:
            raise ValueError(f"has {len(words or ())} words; more than {_MOST_IN_LINE} belong into a file, words_file")
        longest = max(words or ("",), key=len)
        if len(longest) > MOST_CHARS:
            raise ValueError(f"has a word of {len(longest)} characters; at most {MOST_CHARS} are possible")
        return words

    @field_validator("patterns", mode="after")
    @classmethod
    def _readable(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for one in patterns or ():
            try:
                together([one])
            except ValueError as error:
                raise ValueError(f"{one!r} {error}") from None
        return patterns

    @model_validator(mode="after")
    def _one_look_and_its_action(self) -> Self:
        looks = [name for name in LOOKS if getattr(self, "of_schema" if name == "schema" else name) is not None]
        if len(looks) != 1:
            raise ValueError(f"looks for {' and '.join(looks) or 'nothing'}; write exactly one of {', '.join(LOOKS)}")
        if self.action == "mask" and self.look not in _FOUND:
            raise ValueError(f"a {self.look} finds no place to mask; use block, route or flag")
        if (self.action == "route") != (self.to is not None):
            raise ValueError("to: goes with action: route, and names the node that answers instead")
        return self

    @property
    def look(self) -> str:
        """Return what it looks for, by its key."""
        return next(name for name in LOOKS if getattr(self, "of_schema" if name == "schema" else name) is not None)

    @property
    def finds(self) -> bool:
        """Say whether it finds places in a text, and so can be done while the text streams."""
        return self.look in _FOUND

    @property
    def holds(self) -> bool:
        """Say whether an answer has to be whole before it may go out."""
        return not self.finds or self.action == "route"


class GuardSpec(KindSpec):
    """Who answers, and the checks in each direction, in their order.

    An answer that has to be whole before it may go out is held, *hold* at most.
    """

    looks_at_all: ClassVar[bool] = True

    guard: str = Field(min_length=1)
    input: tuple[Check, ...] = ()
    output: tuple[Check, ...] = ()
    hold: Bytes = Field(default=2**20, gt=0)

    @model_validator(mode="after")
    def _checks_something(self) -> Self:
        if not (self.input or self.output):
            raise ValueError("checks nothing; write checks under input or output, or leave the node out")
        if any(check.look == "schema" for check in self.input):
            raise ValueError("input: a schema is for answers; write it under output")
        return self

    @property
    def rewrites(self) -> bool:
        """Say whether answers may be changed, held or cut short."""
        return any(check.action != "flag" or check.holds for check in self.output)

    def checks(self) -> Iterator[tuple[Loc, Check]]:
        """Yield every check with its place."""
        for direction in ("input", "output"):
            yield from (((direction, at), check) for at, check in enumerate(getattr(self, direction)))

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the target, and whoever else answers or judges."""
        listed: list[tuple[Loc, str]] = [(("guard",), self.guard)]
        for loc, check in self.checks():
            listed += [((*loc, key), name) for key in ("to", "judge") if (name := getattr(check, key)) is not None]
        return listed

    def answering(self) -> list[str]:
        """Return the target, and those that answer in its place."""
        return [self.guard, *(check.to for _, check in self.checks() if check.to is not None)]

    def needs(self) -> list[Need]:
        """Need words of whoever judges."""
        return [
            Need(check.judge, what, (*loc, "judge"))
            for loc, check in self.checks() if check.judge is not None
            for what in ("chat", "text")
        ]  # fmt: skip

    def gives(self, given: Callable[[str], Capabilities]) -> Capabilities:
        """Return what the targets give; a text that may be changed is no longer that of its tokens."""
        return super().gives(given) - (frozenset({"ids", "resume"}) if self.rewrites else frozenset())
