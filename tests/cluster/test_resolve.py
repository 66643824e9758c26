"""Laws of resolving a document."""

from __future__ import annotations

from copy import deepcopy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscale.spec import AutoscaleSpec
from cluster.checks.source import look_here
from cluster.document import load, parse
from cluster.plan import Plan
from cluster.problems import Problem
from cluster.resolve import resolve
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.settings import GatewaySettings
from tests.cluster.builders import LAPTOP, complaints, document, look, machine, model, planned
from tests.cluster.test_examples import EXAMPLES

KEYS = st.sampled_from(
    ["models", "graph", "default", "gateway", "autoscale", "dense", "auto", "family", "source", "engine", "replicas",
     "min", "max", "switch", "fallback", "when", "to", "resources", "gpus", "cpus", "runtime", "synthetic",
     "tensor_parallel_size", "compilation_config", "enforce_eager", "slo", ""]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["dense", "moe", "demo/dense", "vllm", "synthetic", "2s", "8MB", "auto", "9" * 400])
    | st.binary(max_size=3) | st.just(10**400)
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4) | st.integers(), inner, max_size=5)
    ),
    max_leaves=25,
)


def settled(raw, nodes=LAPTOP):
    """Resolve *raw* and check that the outcome is a plan or problems that can be printed."""
    outcome = resolve(raw, nodes, look=look)
    assert isinstance(outcome, Plan) or (outcome and all(isinstance(problem, Problem) for problem in outcome))
    if isinstance(outcome, list):
        assert all(str(problem).isprintable() for problem in outcome)
    return outcome


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(KEYS | st.text(max_size=4), TREES, max_size=5))
def test_any_tree_gives_a_plan_or_problems(raw):
    """Nothing that a document may hold raises."""
    settled(raw)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_broken_example_gives_a_plan_or_problems(data):
    """Nothing raises however a good document is damaged, wherever the damage lies."""
    raw = deepcopy(load(data.draw(st.sampled_from(EXAMPLES)))[0])
    for _ in range(data.draw(st.integers(1, 3))):
        section = raw
        while isinstance(section, dict | list) and section:
            places = list(section) if isinstance(section, dict) else list(range(len(section)))
            place = data.draw(st.sampled_from(places))
            if not isinstance(section[place], dict | list) or data.draw(st.integers(0, 4)) == 0:
                section[place] = data.draw(TREES)
                break
            section = section[place]
    settled(raw, (machine(cpus=4, gpus=data.draw(st.integers(0, 8))),) * data.draw(st.integers(1, 3)))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | TREES.map(repr))
def test_any_text_is_read_or_refused(text):
    """Nothing that a file may hold raises."""
    raw, found = parse(text, "config")
    assert isinstance(raw, dict)
    assert all(str(problem).isprintable() for problem in found)
    settled(raw)


def test_the_parts_read_their_settings():
    """What a plan holds for the gateway, the controller and the engines is what their schemas take."""
    models = {"dense": model(runtime="synthetic", synthetic={"slots": 4, "start_up": "2s"}), "moe": model(family="moe")}
    graph = {"auto": {"switch": [{"when": {"task": "code"}, "to": "dense"}, {"to": "safe"}]},
             "safe": {"fallback": ["moe", "dense"], "timeout": {"first_token": "5s"}}}  # fmt: skip
    plan = planned(document(models=models, graph=graph, autoscale={"mode": "advise"}))
    gateway = GatewaySettings.model_validate(plan.gateway.settings)
    assert (gateway.default, gateway.request_timeout, sorted(gateway.graph)) == ("auto", 600.0, ["auto", "safe"])
    assert AutoscaleSpec.model_validate(plan.autoscale).mode == "advise"
    assert SyntheticSpec.model_validate(plan.pools[0].synthetic).start_up == 2.0
    assert [pool.slots for pool in plan.pools] == [4, 16]


def test_a_plan_is_plain_data():
    """Settings travel as JSON."""
    plan = planned(document(graph={"auto": {"fallback": ["dense"], "timeout": {"first_token": "1s"}}}))
    assert yaml.safe_load(yaml.safe_dump(dict(plan.gateway.settings))) == plan.gateway.settings


@pytest.mark.parametrize(
    ("raw", "default"),
    [
        (document(), "dense"),
        (document(graph={"auto": {"fallback": ["dense"]}}), "auto"),
        (document(graph={"auto": {"fallback": ["dense"]}}, default="dense"), "dense"),
        (document(models={"a": model(), "b": model()}, default="b"), "b"),
    ],
)
def test_the_default_is_what_is_written_or_obvious(raw, default):
    """Requests that name no model go to `default`, else to `auto`, else to the only model."""
    assert planned(raw).gateway.settings["default"] == default


def test_models_take_gpus_where_there_are_any():
    """One GPU for each rank on machines that have some; none on others, on request, and for synthetic engines."""
    pair = {"tensor_parallel_size": 2}
    assert planned(document(models={"dense": model(engine=pair)}), (machine(),)).pools[0].gpus == 2
    assert planned(document(models={"dense": model(engine=pair)})).pools[0].gpus == 0
    assert planned(document(models={"dense": model(resources={"gpus": 0})}), (machine(),)).pools[0].gpus == 0
    assert planned(document(models={"dense": model(runtime="synthetic", engine=pair)}), (machine(),)).pools[0].gpus == 0
    asked = model(runtime="synthetic", engine=pair, resources={"gpus": 2})
    assert planned(document(models={"dense": asked}), (machine(),)).pools[0].bundles == ({"CPU": 1.0, "GPU": 1.0},) * 2


def test_what_a_pool_says_goes_over_the_defaults():
    """The plan holds the arguments in force."""
    pool = planned(document(models={"dense": model(engine={"max_num_seqs": 3, "dtype": "float32"})})).pools[0]
    assert (pool.slots, pool.engine["dtype"], pool.engine["enable_prefix_caching"]) == (3, "float32", True)


def test_eager_mode_is_refused_only_on_cpus():
    """The same argument is wrong on a CPU and right on a GPU."""
    eager = document(models={"dense": model(engine={"enforce_eager": True})})
    assert len(complaints(eager)) == 1
    assert planned(eager, (machine(),)).pools[0].engine["enforce_eager"] is True


def test_a_local_checkpoint_must_be_there():
    """A folder is looked for, a Hugging Face id is not."""
    assert planned(document(models={"dense": model(source="/models/here")})).pools[0].source == "/models/here"
    assert planned(document(models={"dense": model(source="org/name")})).pools[0].source == "org/name"
    assert complaints(document(models={"dense": model(source="./gone")})) == [
        'models.dense.source: "./gone" is not there'
    ]


def test_a_folder_without_a_model_is_no_checkpoint(tmp_path):
    """What is there is looked at: a folder, and a model's config in it."""
    assert look_here(str(tmp_path / "gone")) == "is no folder on this machine"
    assert look_here(str(tmp_path)) == "holds no config.json; point at a folder that a model was saved to"
    (tmp_path / "config.json").write_text("{}")
    assert look_here(str(tmp_path)) is None


def test_a_mistake_in_one_pool_hides_nothing_of_another():
    """Pools are judged each on its own, and names of broken ones still count as names."""
    raw = document(
        models={"dense": {"family": 3}, "moe": model(replicas={"min": 2}), "gpt-4.1": model(resources={"cpus": 99})},
        graph={"auto": {"fallback": ["dense", "moe", "gone"]}},
    )
    assert [line.split(": ")[0] for line in complaints(raw)] == [
        "models.dense.family",
        "models.dense.source",
        "models.gpt-4.1.resources.cpus",
        "models.moe.replicas.max",
        "graph.auto.fallback[2]",
    ]


def test_a_default_in_place_of_a_mistake_is_not_judged():
    """A ceiling that cannot be read is not said to be below the floor."""
    assert complaints(document(models={"dense": model(replicas={"min": 3, "max": "many"})})) == [
        'models.dense.replicas.max: "many" is not a whole number'
    ]


def test_notes_a_case_that_no_request_reaches():
    """A case behind one that takes all of its requests is allowed and noted."""
    cases = [
        {"when": {"task": ["code", "math"]}, "to": "dense"},
        {"when": {"task": "code"}, "to": "moe"},
        {"to": "moe"},
    ]
    plan = planned(document(models={"dense": model(), "moe": model()}, graph={"auto": {"switch": cases}}))
    assert plan.notes[-1] == (
        "graph.auto.switch[1] is never reached: every request that it would take is taken by case 0 before it"
    )


@pytest.mark.parametrize(("most", "noted"), [(1, True), (2, False)])
def test_notes_a_hedge_that_waits_behind_itself(most: int, noted: bool) -> None:
    """A second call in a pool of one replica is allowed and noted."""
    models = {"dense": model(replicas={"max": most}), "moe": model()}
    plan = planned(document(models=models, graph={"auto": {"hedge": ["dense", "moe", "dense"]}}))
    assert any("graph.auto.hedge asks dense twice" in note for note in plan.notes) == noted


@pytest.mark.parametrize(
    ("drain", "timeout", "sound"), [("15m", "10m", True), ("10m", "10m", True), ("5m", "10m", False)]
)
def test_a_shrinking_pool_waits_for_its_longest_request(drain: str, timeout: str, sound: bool) -> None:
    """A drain that ends before a request may would cut streams."""
    told = {
        "models": {"dense": {"family": "dense", "source": "x", "runtime": "synthetic", "drain": drain}},
        "gateway": {"request_timeout": timeout},
    }
    found = resolve(told, (machine(),))
    if sound:
        assert isinstance(found, Plan)
    else:
        assert isinstance(found, list)
        (problem,) = found
        assert str(problem).startswith("models.dense.drain: 300 s is less than gateway.request_timeout (600 s)")
