"""How a transform is configured, and the rules that follow from it."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from deployments.graph.capability import Capabilities
from deployments.graph.kind import KindSpec
from deployments.graph.when import Words
from deployments.nodes.transform.prompt import FIELDS, PROMPT, fields
from deployments.nodes.transform.replace import Pattern, Replace
from deployments.nodes.transform.text import JsonOnly, Rule, StopAfter, Trim, WithoutThinking
from deployments.strict import Loc, Strict, nearest


class Replacement(Strict):
    """A pattern (RE2), and what stands for each of its matches; ``\\1`` is the first group's."""

    pattern: str = Field(min_length=1)
    written: str = Field(alias="with")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        Pattern(self.pattern, self.written)
        return self


class TransformSpec(KindSpec):
    """Who answers, and what is changed on the way in and on the way out."""

    transform: str = Field(min_length=1)
    system: str | None = Field(default=None, min_length=1)
    template: str | None = None
    strip_thinking: bool = False
    stop_after: Words | None = None
    json_only: bool = False
    replace: tuple[Replacement, ...] = ()
    trim: bool = False

    @field_validator("system", "template", mode="after")
    @classmethod
    def _fields_known(cls, template: str | None, info: Any) -> str | None:
        known = FIELDS if info.field_name == "system" else (PROMPT, *FIELDS)
        used = fields(template or "")
        for name in used:
            if name not in known:
                raise ValueError(f"has {{{name}}}, which stands for nothing; {nearest(name, known)}")
        if template is not None and info.field_name == "template" and PROMPT not in used:
            raise ValueError(f"has no {{{PROMPT}}}, so the client's words would be lost")
        return template

    @field_validator("stop_after", mode="after")
    @classmethod
    def _markers_say_something(cls, markers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if markers is not None and not all(markers):
            raise ValueError("has an empty marker, after which every answer would end")
        return markers

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.system or self.template or self.rewrites):
            raise ValueError("changes nothing; set system, template or a rule for the answer, or leave the node out")
        return self

    @property
    def rewrites(self) -> bool:
        """Say whether answers are rendered anew."""
        return bool(self.strip_thinking or self.stop_after or self.json_only or self.replace or self.trim)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one that answers."""
        return [(("transform",), self.transform)]

    def gives(self, given: Any) -> Capabilities:
        """Return what the target gives; a text that was changed is no longer that of its tokens."""
        return super().gives(given) - (frozenset({"ids", "resume"}) if self.rewrites else frozenset())


def rules(spec: TransformSpec) -> list[Rule]:
    """Return the rules for one answer, in the order in which they apply."""
    found: list[Rule] = [WithoutThinking()] if spec.strip_thinking else []
    found += [StopAfter(spec.stop_after)] if spec.stop_after else []
    found += [JsonOnly()] if spec.json_only else []
    found += [Replace(Pattern(one.pattern, one.written)) for one in spec.replace]
    return found + ([Trim()] if spec.trim else [])
