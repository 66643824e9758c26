"""What is generated is what is checked in, and the schema takes every document that Tercet takes."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from hypothesis import given

from cluster.rendering.chart_values import ChartValues, values_schema
from cluster.rendering.environment_file import environment_file
from cluster.rendering.pod_environment import HAPROXY, pod_environment
from cluster.rendering.values_schema import document_schema
from tests.charts.tools import CHART, ROOT, objects, of_profile, pod_templates, profile, rendered, run
from tests.laws.drawn import graphs

DOCUMENT = jsonschema.Draft7Validator(document_schema())


def test_the_values_schema_is_the_products_own():
    """`tercet render schema --values > helm/tercet/values.schema.json` takes a new one."""
    assert json.loads((CHART / "values.schema.json").read_text()) == values_schema()


def test_the_environment_is_the_products_own():
    """`tercet render environment > helm/tercet/files/environment.yaml` takes a new one."""
    assert yaml.safe_load((CHART / "files" / "environment.yaml").read_text()) == environment_file()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_takes_every_example(path):
    """Durations as text, sections as one word, lists as one entry: as people write them."""
    assert [error.message for error in DOCUMENT.iter_errors(yaml.safe_load(path.read_text()))] == []


@given(graphs())
def test_the_schema_takes_every_graph(graph):
    """Random graphs of every kind, which Tercet takes."""
    document = {"models": {"a": {"family": "dense", "source": "x"}}, "graph": graph}
    assert [error.message for error in DOCUMENT.iter_errors(document)] == []


@pytest.mark.parametrize(
    "slip",
    [
        {"fallback": ["a"], "breaker": {"consecutiv": 1}},
        {"fallback": ["a"], "breaker": {"consecutive": 0}},
        {"split": {"a": "much"}},
        {"a": 1},
    ],
    ids=str,
)
def test_the_schema_refuses_slips_below_sections_that_may_be_one_word(slip):
    """A section that may be written as one word is judged all the same where it is a mapping."""
    document = {"models": {"a": {"family": "dense", "source": "x"}}, "graph": {"n": slip}}
    assert [error.json_path for error in DOCUMENT.iter_errors(document)]


@pytest.mark.parametrize("seconds", [30, 1800, 7200])
def test_pods_have_the_environment_that_the_product_derives(seconds):
    """On the head and on every worker alike, whatever the longest answer is."""
    expected = pod_environment(seconds)
    found = objects(rendered(profile("spot"), values={"longestAnswerSeconds": seconds}))
    for name, template in pod_templates(found):
        if name.endswith("-smoke"):
            continue
        told = {one["name"]: one.get("value") for one in template["spec"]["containers"][0]["env"]}
        assert told | expected == told, name
        assert told["RAY_SERVE_HAPROXY_BINARY_PATH"] == HAPROXY


def test_sockets_of_proxies_have_paths_that_haproxy_takes():
    """97 letters at most, of which Serve fills 57 with the name of the machine."""
    sockets = [value for value in pod_environment(1800).values() if value.endswith(".sock")]
    assert len(sockets) == 2
    assert all(len(value) + 57 <= 97 for value in sockets)


def test_no_value_of_the_chart_is_missing_from_its_values_file():
    """Every key is written down with its default, so that `helm show values` is the reference."""
    shown = yaml.safe_load(run("helm", "show", "values", CHART).stdout)
    known = set(values_schema()["properties"]) - {"global"}
    assert known == set(shown)


def test_defaults_are_written_down_as_they_are():
    """What `helm show values` shows and what the schema takes for granted is the same."""
    shown = yaml.safe_load(run("helm", "show", "values", CHART).stdout)
    needed = {name: shown[name] for name in ("config", "head", "gateway")}
    assert ChartValues.model_validate(shown) == ChartValues.model_validate(needed)


def test_profiles_differ_only_in_what_they_say():
    """A profile is small: what it does not say is a default."""
    assert {one["kind"] for one in of_profile("cpu-demo")} == {
        "NetworkPolicy", "Pod", "RayService", "Service", "ServiceAccount",
    }  # fmt: skip
