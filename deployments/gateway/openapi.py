"""The OpenAPI document, made of the very types that requests are checked by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from deployments.gateway.anthropic_errors import AnthropicErrorBody, AnthropicFormat
from deployments.gateway.error_formats import format_of
from deployments.gateway.surfaces import SURFACES, Surface
from deployments.gateway.versions import versions
from deployments.gateway.wire_errors import OpenAIErrorBody
from deployments.request import Endpoint

_REFERENCE = "#/components/schemas/{name}"
_DESCRIPTION = (
    "Fields that are not listed go to the engine untouched. A model is a pool, a graph node, or left out for the "
    "default; GET /v1/models says which endpoints each answers."
)
_LOOKUPS = {
    "/v1/models": "List what may be asked for",
    "/v1/models/{name}": "Describe one model",
    "/health": "Say that the gateway is alive",
    "/ready": "Say whether it should be sent traffic, and why",
    "/version": "Say what runs",
}
_IN_PATH = re.compile(r"\{(\w+)\}")


@cache
def document() -> dict[str, Any]:
    """Return the whole document as plain JSON values."""
    bodies = [surface.body for surface in SURFACES.values() if surface.body is not None]
    _, schemas = msgspec.json.schema_components([*bodies, OpenAIErrorBody, AnthropicErrorBody], ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tercet", "version": versions()["version"], "description": _DESCRIPTION},
        "paths": {**dict(_surfaces()), **{path: {"get": _lookup(path, told)} for path, told in _LOOKUPS.items()}},
        "components": {"schemas": schemas},
    }


def _surfaces() -> Iterator[tuple[str, dict[str, Any]]]:
    for endpoint, surface in SURFACES.items():
        for path in surface.paths:
            yield path, {surface.method.lower(): _operation(endpoint, surface, path)}


def _operation(endpoint: Endpoint, surface: Surface, path: str) -> dict[str, Any]:
    error = AnthropicErrorBody if isinstance(format_of(endpoint), AnthropicFormat) else OpenAIErrorBody
    operation: dict[str, Any] = {
        "operationId": path.strip("/").replace("/", "_").replace("{", "").replace("}", ""),
        "summary": surface.summary,
        "parameters": _path_parameters(path),
        "responses": {
            "200": {"description": "The answer", "content": _answers(endpoint, surface)},
            "default": {"description": "Why there is none", "content": _json(_reference(error))},
        },
    }
    if surface.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(_reference(surface.body))}
    if endpoint == "response":
        operation["parameters"] += [
            {"name": "stream", "in": "query", "schema": {"type": "boolean"}},
            {"name": "starting_after", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 2**29}},
        ]
    return operation


def _answers(endpoint: Endpoint, surface: Surface) -> dict[str, Any]:
    streams = endpoint == "response" or "stream" in getattr(surface.body, "__struct_fields__", ())
    events = {"text/event-stream": {"schema": {"type": "string"}}} if streams else {}
    return {**_json({"type": "object"}), **events}


def _lookup(path: str, summary: str) -> dict[str, Any]:
    answer = {"description": summary, "content": _json({"type": "object"})}
    error = {"description": "Why there is none", "content": _json({"type": "object"})}
    return {"summary": summary, "parameters": _path_parameters(path), "responses": {"200": answer, "default": error}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _IN_PATH.findall(path)
    ]


def _reference(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
