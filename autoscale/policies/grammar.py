"""From YAML to a policy's options: a kind's name, or a mapping with exactly one kind's key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from autoscale.policies.kind import PolicySpec
from deployments.strict import fail, nearest, problem

# Filled by the registry, which knows every kind; a combinator's options hold policies of any kind, itself included.
KINDS: dict[str, type[PolicySpec]] = {}


def parse(value: Any) -> PolicySpec:
    """Read one policy.

    Raises a ValidationError whose locations start inside the policy: ``("hold-down", "of", "sla", "slo_target")``.
    """
    if isinstance(value, PolicySpec):
        return value
    if isinstance(value, str):
        return _named(value)
    if not isinstance(value, Mapping) or not value:
        known = ", ".join(sorted(KINDS))
        fail("policy", [problem((), "no_kind", f"is not a policy; write a kind, or a kind as its key: {known}", value)])
    return _of_kind(_kind(value), value)


def dump(spec: PolicySpec) -> str | dict[str, Any]:
    """Return the policy as plain JSON data that ``parse`` reads back to an equal one."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if spec.whole:
        return written
    return {spec.kind: written} if written else spec.kind


def _named(name: str) -> PolicySpec:
    if name not in KINDS:
        fail("policy", [problem((), "unknown_policy", f"is not a kind of policy; {nearest(name, KINDS)}", name)])
    if KINDS[name].whole:
        fail("policy", [problem((), "no_options", f"is not complete; write it as a mapping, {name}: ...", name)])
    return _of_kind(name, {name: {}})


def _kind(value: Mapping[Any, Any]) -> str:
    kinds = [key for key in value if key in KINDS]
    if len(kinds) > 1:
        fail("policy", [problem((), "many_kinds", f"has {len(kinds)} kinds: {', '.join(kinds)}; keep one", value)])
    strange = [key for key in value if key not in KINDS]
    if not kinds or (strange and not KINDS[kinds[0]].whole):
        what = f"is not an option beside {kinds[0]}; put it below that" if kinds else "is not a kind of policy"
        fail("policy", [_unknown(key, what, bool(kinds), value[key]) for key in strange])
    return str(kinds[0])


def _unknown(key: Any, what: str, found: bool, value: Any) -> InitErrorDetails:
    return problem((str(key),), "unknown_kind", what if found else f"{what}; {nearest(str(key), KINDS)}", value)


def _of_kind(kind: str, value: Mapping[Any, Any]) -> PolicySpec:
    spec = KINDS[kind]
    if spec.whole:
        return spec.model_validate(value)
    try:
        return spec.model_validate({} if value[kind] is None else value[kind])
    except ValidationError as error:
        fail("policy", [
            problem((kind, *line["loc"]), line["type"], line["msg"], line["input"], line.get("ctx"))
            for line in error.errors(include_url=False)
        ])  # fmt: skip
        raise


class _AnyKind:
    """Lets pydantic read, write and describe a policy of whichever kind."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(dump)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "enum": sorted(KINDS)}, {"type": "object", "minProperties": 1}]}


AnyPolicy = Annotated[PolicySpec, _AnyKind()]
