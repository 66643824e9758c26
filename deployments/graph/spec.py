"""From YAML to graph nodes: a mapping with exactly one kind's key, and pure questions about a whole graph."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from deployments.graph.kind import KindSpec
from deployments.nodes.registry import KINDS
from deployments.strict import Loc, fail, nearest, problem


def parse(value: Any) -> KindSpec:
    """Read one graph node.

    Raises a ValidationError whose locations start inside the node: ``("switch", 0, "when", "complexity", "below")``.
    """
    if isinstance(value, KindSpec):
        return value
    known = ", ".join(sorted(KINDS))
    if not isinstance(value, Mapping) or not value:
        fail("node", [problem((), "no_kind", f"is not a graph node; write a kind as its key: {known}", value)])
    kinds = [key for key in value if key in KINDS]
    if len(kinds) > 1:
        fail("node", [problem((), "many_kinds", f"has {len(kinds)} kinds: {', '.join(kinds)}; keep one", value)])
    if not kinds:
        fail("node", [
            problem((str(key),), "unknown_kind", f"is not a kind of node; {nearest(str(key), KINDS)}", value[key])
            for key in value
        ])  # fmt: skip
    return KINDS[kinds[0]].spec.model_validate(value)


def dump(spec: KindSpec) -> dict[str, Any]:
    """Return the node as plain JSON data that ``parse`` reads back to an equal node."""
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


class _AnyKind:
    """Lets pydantic read, write and describe a node of whichever kind."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(dump)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"oneOf": [handler(kind.spec.__pydantic_core_schema__) for kind in KINDS.values()]}


NodeSpec = Annotated[KindSpec, _AnyKind()]
Graph = Mapping[str, KindSpec]

_GRAPH: TypeAdapter[dict[str, KindSpec]] = TypeAdapter(dict[str, NodeSpec])


def parse_graph(raw: Mapping[str, Any]) -> dict[str, KindSpec]:
    """Read a whole graph."""
    return _GRAPH.validate_python(raw)


def targets(spec: KindSpec) -> list[tuple[Loc, str]]:
    """Return every name that *spec* leads to, each with its place inside the node."""
    return spec.targets()


def cycles(graph: Graph) -> list[list[str]]:
    """Return cycles, each as the names in the order that a request would meet them, the first repeated at the end.

    Breaking the last edge of each leaves a graph without cycles.
    """
    edges = {name: list(dict.fromkeys(to for _, to in spec.targets() if to in graph)) for name, spec in graph.items()}
    found: list[list[str]] = []
    while (cycle := _one_cycle(edges)) is not None:
        found.append(cycle)
        edges[cycle[-2]].remove(cycle[-1])
    return found


def _one_cycle(edges: Mapping[str, list[str]]) -> list[str] | None:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        reached: list[str] = error.args[1][:0:-1]
        first = min(range(len(reached)), key=lambda at: list(edges).index(reached[at]))
        return [*reached[first:], *reached[:first], reached[first]]
    return None
