"""``tercet render serve`` and ``schema``: what they print, and how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner

from cluster.cli import app
from cluster.declared.declaration import Declaration

DOCUMENT = """
models: {dense: {family: dense, source: s, runtime: synthetic, languages: no}}
gateway: {host: 0.0.0.0}
access: {open: true}
"""
GROUPS = "cpu: {cpu: 4, memory: 8Gi, most: 2, pools: [dense]}\n"


def run(*arguments: str | Path):
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def written(folder: Path, document: str = DOCUMENT, groups: str = GROUPS) -> tuple[Path, Path]:
    """Write both files."""
    (folder / "tercet.yaml").write_text(document)
    (folder / "groups.yaml").write_text(groups)
    return folder / "tercet.yaml", folder / "groups.yaml"


def test_render_serve_prints_a_config_that_declares_the_document(tmp_path):
    """For `serve deploy` and for a RayService."""
    file, groups = written(tmp_path, DOCUMENT.replace(", languages: no", ""))
    result = run("render", "serve", file, "--groups", groups, "--longest", "900")
    assert result.exit_code == 0, result.stderr
    told = yaml.safe_load(result.stdout)["applications"][0]["deployments"][0]["user_config"]
    declaration = Declaration.model_validate(told)
    assert declaration.document["gateway"] == {"host": "0.0.0.0"}  # noqa: S104 - a value
    assert (declaration.groups["cpu"].pools, declaration.longest_answer) == (("dense",), 900)


def test_render_serve_refuses_what_the_cluster_would_refuse(tmp_path):
    """Every problem of the document, and of the groups by their place."""
    file, groups = written(tmp_path)
    result = run("render", "serve", file, "--groups", groups)
    assert result.exit_code == 1
    assert "models.dense.languages: is not a known key" in result.stderr
    file, groups = written(tmp_path, DOCUMENT.replace(", languages: no", ""), "cpu: {cpu: many, memory: 8Gi, most: 2}")
    result = run("render", "serve", file, "--groups", groups)
    assert result.exit_code == 1
    assert 'groups.cpu.cpu: "many" is not a quantity such as 500m, 8 or 64Gi' in result.stderr


def test_render_schema_prints_json_schema():
    """Of a document, or of the chart's values with the document in them."""
    assert "models" in json.loads(run("render", "schema").stdout)["properties"]
    assert "workerGroups" in json.loads(run("render", "schema", "--values").stdout)["properties"]


def test_render_rules_leaves_places_for_what_a_document_says():
    """Helm fills them in."""
    told = yaml.safe_load(run("render", "rules").stdout)
    assert told["goal"]["expr"] == "vector(@share@)"
