"""The manifests are the chart: written by it, and the same once kustomize has put them together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.obstacles import CannotServeError
from cluster.rendering.kustomization import plain, rendered, write
from tests.charts.tools import CHART, PROFILES, ROOT, objects, profile, program, run
from tests.charts.valid import complaints

K8S = ROOT / "k8s"


def test_what_is_checked_in_is_what_is_rendered(tmp_path):
    """`tercet render k8s k8s` writes it anew; files that nothing writes any more are gone."""
    write(tmp_path, CHART, program("helm"))
    assert _texts(tmp_path) == {name: text for name, text in _texts(K8S).items() if name != "README.md"}


@pytest.mark.parametrize("name", PROFILES)
def test_an_overlay_is_what_helm_installs(name):
    """`kubectl kustomize` gives the objects that `helm template` gives for the profile, and no others."""
    built = run("kubectl", "kustomize", K8S / "overlays" / name)
    assert built.returncode == 0, built.stderr
    found = objects(built.stdout)
    assert _by_name(found) == _by_name(rendered(CHART, profile(name), program("helm")))
    assert complaints(found) == []


def test_nothing_of_helms_own_is_left():
    """Labels and annotations that only helm reads would be wrong without it."""
    assert not [name for name, text in _texts(K8S).items() if name != "README.md" and "helm.sh/" in text]
    assert plain({"metadata": {"name": "a", "labels": {"helm.sh/chart": "x"}}}) == {"metadata": {"name": "a"}}


def test_a_profile_that_helm_refuses_is_named(tmp_path):
    """The message holds helm's own."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("mode: pods\n")
    with pytest.raises(CannotServeError, match=r"(?s)bad\.yaml: .*/mode"):
        rendered(CHART, bad, program("helm"))


def test_without_helm_the_message_says_so():
    """It is the one program that is needed."""
    with pytest.raises(CannotServeError, match="install helm, or name it by --helm"):
        rendered(CHART, profile("spot"), "/nowhere/helm")


def _texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def _by_name(found: list[dict]) -> dict[tuple[str, str], dict]:
    return {(one["kind"], one["metadata"]["name"]): json.loads(json.dumps(one)) for one in found}
