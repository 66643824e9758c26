"""Whether objects are what Kubernetes, KubeRay and the Prometheus Operator take."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.charts.tools import ROOT

KUBERNETES = "1.34"
CRDS = ROOT.parent / "shared" / "crds"
_FILES = {
    "RayService": "ray.io_rayservices.yaml",
    "PodMonitor": "monitoring.coreos.com_podmonitors.yaml",
    "ServiceMonitor": "monitoring.coreos.com_servicemonitors.yaml",
    "PrometheusRule": "monitoring.coreos.com_prometheusrules.yaml",
}
# The Gateway API's schema is not among the resources that are kept beside the checkout.
_UNKNOWN = {"HTTPRoute"}


def complaints(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with the objects; those of custom kinds are judged where their definitions are there."""
    return [f"{one['kind']} {one['metadata']['name']}: {wrong}" for one in found for wrong in _wrong(one)]


def judged(kind: str) -> bool:
    """Say whether objects of *kind* are judged here."""
    return kind not in _UNKNOWN and (kind not in _FILES or (CRDS / _FILES[kind]).is_file())


def _wrong(one: Mapping[str, Any]) -> list[str]:
    if not judged(one["kind"]):
        return []
    if one["kind"] in _FILES:
        return [f"{error.json_path}: {error.message[:300]}" for error in _custom(one["kind"]).iter_errors(one)]
    try:
        kubernetes_validate.validate(dict(one), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [str(error.message)]
    return []


@functools.cache
def _custom(kind: str) -> jsonschema.Draft7Validator:
    text = (CRDS / _FILES[kind]).read_text(encoding="utf-8")
    definition = yaml.load(text, Loader=yaml.CSafeLoader)  # a megabyte of YAML: seconds in Python
    (version,) = (one for one in definition["spec"]["versions"] if one["storage"])
    return jsonschema.Draft7Validator(_strict(version["schema"]["openAPIV3Schema"], top=True))


def _strict(schema: Any, *, top: bool = False) -> Any:
    """Return the schema as JSON Schema that refuses unknown fields, which Kubernetes drops without a word."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(one) for name, one in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
    }
    if strict.pop("x-kubernetes-int-or-string", False):
        strict.pop("anyOf", None)
        strict["type"] = ["integer", "string"]
    if strict.pop("nullable", False) and isinstance(strict.get("type"), str):
        strict["type"] = [strict["type"], "null"]
    open_ = strict.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in strict
    if "properties" in strict and not open_:
        strict["additionalProperties"] = False
    if top:
        strict["properties"]["metadata"] = {"type": "object"}
    return strict
