"""Dockerfiles: linted, and agreed with what pods expect. Building them takes a container engine, which tests lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.rendering.pod_environment import HAPROXY
from tests.charts.tools import ROOT

FILES = ("Dockerfile", "Dockerfile.gpu")


@pytest.mark.parametrize("name", FILES)
def test_hadolint_has_nothing_to_say(name):
    """Where it is installed; requirements/dev.txt brings it."""
    program = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("there is no hadolint on the path")
    result = subprocess.run([program, str(ROOT / name)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", FILES)
def test_an_image_runs_as_the_user_of_the_pods(name):
    """By number, so that Kubernetes can tell that it is not root."""
    text = (ROOT / name).read_text()
    assert text.rpartition("\nUSER ")[2].startswith("1000:1000\n")
    assert "docker/haproxy.py /opt/tercet" in text
    assert HAPROXY.startswith("/opt/tercet/")


def test_an_image_claims_no_gpus():
    """Where NVIDIA's runtime is the default, its variable would give every pod all GPUs of the machine."""
    assert "NVIDIA_VISIBLE_DEVICES" not in (ROOT / "Dockerfile.gpu").read_text()


def test_both_images_are_made_the_same_way():
    """They differ in requirements and in the system's packages, and in nothing else of how they are put together."""
    stages = [
        [line.split(" AS ")[-1] for line in (ROOT / one).read_text().splitlines() if line.startswith("FROM")]
        for one in FILES
    ]
    assert stages[0] == stages[1]
    assert stages[0][:2] == ["build", "sbom"]


def test_the_command_for_haproxy_must_lie_where_pods_look_for_it(tmp_path):
    """A build that puts it elsewhere fails, instead of an image whose proxies do not start."""
    program = [sys.executable, str(ROOT / "docker" / "haproxy.py"), str(tmp_path)]
    result = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert result.returncode == 1
    assert f"is not {HAPROXY}, where pods look for it" in result.stderr
