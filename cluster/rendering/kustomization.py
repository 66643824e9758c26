"""Manifests for kustomize, of the chart's own templates: what all profiles share is the base, the rest is overlays."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.obstacles import CannotServeError
from cluster.rendering.as_yaml import as_yaml

RELEASE = "tercet"
_HELM_DEADLINE_S = 60
_HEADER = "# Written by `tercet render k8s`; a change belongs into the chart or its profile.\n"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Manifests are for whichever namespace they are applied to.
_ANYWHERE = "monitoring.prometheusRule.namespaced=false"
# Hooks and labels of helm's own mean nothing without it.
_OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by"}

Object = dict[str, Any]


def write(to: Path, chart: Path, helm: str) -> list[Path]:
    """Write base and overlays below *to* and return the files; raises CannotServeError where helm refuses."""
    profiles = {path.stem: rendered(chart, path, helm) for path in sorted((chart / "ci").glob("*.yaml"))}
    files = dict(manifests(profiles))
    for name, text in files.items():
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [to / name for name in files]


def manifests(profiles: Mapping[str, Sequence[Object]]) -> Iterator[tuple[str, str]]:
    """Yield the files of a kustomize tree, by their paths in it."""
    shared = _shared(list(profiles.values()))
    yield from _folder("base", shared, ())
    for name, found in profiles.items():
        yield from _folder(f"overlays/{name}", [one for one in found if one not in shared], ("../../base",))


def rendered(chart: Path, values: Path, helm: str) -> list[Object]:
    """Return what the chart makes of *values*, without what is helm's alone."""
    command = [helm, "template", RELEASE, str(chart), "--values", str(values), "--skip-tests", "--set", _ANYWHERE]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_HELM_DEADLINE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotServeError(f"{helm} cannot be run ({error}): install helm, or name it by --helm.") from error
    if result.returncode:
        raise CannotServeError(f"{values}: {result.stderr.strip()}")
    return [plain(one) for one in yaml.load_all(result.stdout, Loader=_LOADER) if one]


def plain(one: Object) -> Object:
    """Return the object without the labels and annotations that helm reads."""
    told = dict(one["metadata"])
    for part in ("labels", "annotations"):
        kept = {
            key: value for key, value in told.get(part, {}).items() if key not in _OF_HELM and "helm.sh/" not in key
        }
        told = {**{key: value for key, value in told.items() if key != part}, **({part: kept} if kept else {})}
    return {**one, "metadata": told}


def _shared(profiles: Sequence[Sequence[Object]]) -> list[Object]:
    return [one for one in profiles[0] if all(one in other for other in profiles[1:])]


def _folder(folder: str, found: Sequence[Object], above: Sequence[str]) -> Iterator[tuple[str, str]]:
    names = [_file_name(one) for one in found]
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*above, *names],
    }
    yield f"{folder}/kustomization.yaml", _yaml(listed)
    for name, one in zip(names, found, strict=True):
        yield f"{folder}/{name}", _yaml(one)


def _file_name(one: Object) -> str:
    return f"{one['kind'].lower()}-{one['metadata']['name']}.yaml"


def _yaml(one: Object) -> str:
    return _HEADER + as_yaml(one)
