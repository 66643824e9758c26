"""JSON Schema of a Tercet document, as tools read it that know nothing of its validators.

Where a validator runs before the shape is known (durations as text, a section written as one word), the shape that the
schema knows is demanded only of values of that type: what is looser here is judged by Tercet itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from cluster.config import Config
from deployments.nodes.registry import KINDS

DIALECT = "http://json-schema.org/draft-07/schema#"


class _Generator(GenerateJsonSchema):
    """Says of a value that is converted first only what it must be when it is not."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return self._loosened(super().function_before_schema(schema), schema)

    def _loosened(self, found: JsonSchemaValue, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        if "json_schema_input_schema" in schema:
            return found
        kind = self.resolve_ref_schema(found).get("type") if "$ref" in found else found.get("type")
        if kind is None:
            return {}
        return {"anyOf": [found, {"not": {"type": "number" if kind == "integer" else kind}}]}


def document_schema() -> dict[str, Any]:
    """Return the schema of a document; definitions are under ``$defs``."""
    schema = plain(Config)
    properties = schema["properties"]
    schema["$defs"]["Node"] = _by_kind(properties["graph"]["additionalProperties"]["oneOf"])
    properties["models"]["additionalProperties"] = _by_family()
    properties["graph"]["additionalProperties"] = {"$ref": "#/$defs/Node"}
    return schema


def plain(section: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a section without titles, which repeat the names."""
    schema: dict[str, Any] = _without_titles(section.model_json_schema(schema_generator=_Generator))
    return schema


def _by_family() -> dict[str, Any]:
    """Return the schema of a model's section, decided by its family so that a slip is told where it is."""
    return {
        "if": {"properties": {"family": {"const": "remote"}}, "required": ["family"]},
        "then": {"$ref": "#/$defs/RemoteSpec"},
        "else": {"$ref": "#/$defs/ModelSpec"},
    }


def _by_kind(specs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a graph node, decided by the kind that is its key."""
    rules = [
        {"if": {"type": "object", "required": [kind]}, "then": spec} for kind, spec in zip(KINDS, specs, strict=True)
    ]
    nameless = {
        "if": {"not": {"anyOf": [{"required": [kind]} for kind in KINDS]}},
        "then": {"minProperties": 1, "propertyNames": {"enum": list(KINDS)}},
    }
    return {"type": "object", "allOf": [nameless, *rules]}


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_titles(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = {
        key: {name: _without_titles(one) for name, one in value.items()}
        if key in {"properties", "$defs"} and isinstance(value, Mapping)
        else _without_titles(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
    return _closed(told)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of what may have no other keys where its keys are: below a choice, and where they fit a pattern."""
    if "patternProperties" in schema:
        return {**schema, "additionalProperties": False}
    if "properties" in schema or schema.get("additionalProperties") is not False:
        return schema
    branches = [
        {**one, "additionalProperties": False} if "properties" in one else one for one in schema.get("anyOf", ())
    ]
    return {key: value for key, value in schema.items() if key != "additionalProperties"} | {"anyOf": branches}
