"""Models that other servers answer for, in a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cluster.changes import changes
from cluster.cli import app
from cluster.config import Config
from cluster.drawing.diagram import diagram
from cluster.report import report
from deployments.gateway.settings import GatewaySettings
from tests.cluster.builders import LAPTOP, complaints, document, model, planned

CLOUD: dict[str, Any] = {
    "family": "remote",
    "url": "https://api.example.com/v1",
    "model": "gpt-x",
    "key": {"env": "CLOUD_KEY"},
    "price": {"input_per_million": 0.5, "output_per_million": 1.5},
}
HOSTS = {"remote_hosts": ["api.example.com"]}


def hybrid(graph: dict[str, Any] | None = None, **cloud: Any) -> dict[str, Any]:
    """Return a document with a pool, a remote model, and a fallback from one to the other."""
    models = {"dense": model(), "cloud": {**CLOUD, **cloud}}
    return document(models=models, graph=graph or {"auto": {"fallback": ["dense", "cloud"]}}, gateway=HOSTS)


def test_there_is_no_pool_for_it() -> None:
    """No engine, no replica, no application; the gateway is told all that it needs, and no key."""
    plan = planned(hybrid())
    assert [pool.name for pool in plan.pools] == ["dense"]
    settings = GatewaySettings.model_validate(plan.gateway.settings)
    assert settings.remotes()["cloud"].url == "https://api.example.com/v1"
    assert plan.gateway.settings["models"]["cloud"]["remote"]["key"] == {"env": "CLOUD_KEY"}


def test_a_document_of_remote_models_alone() -> None:
    """A gateway with no engine behind it is a deployment, too."""
    plan = planned(document(models={"cloud": CLOUD}, gateway=HOSTS))
    assert plan.pools == ()
    assert plan.gateway.settings["default"] == "cloud"


def test_a_host_that_is_not_named() -> None:
    """Says where to name it."""
    bare = hybrid()
    del bare["gateway"]
    assert complaints(bare) == [
        'models.cloud.url: "https://api.example.com/v1" is on api.example.com, which gateway.remote_hosts does not '
        "name; add it there"
    ]


def test_slips_are_told_like_those_of_pools() -> None:
    """With the nearest key, and beside everything else that is wrong."""
    slip = hybrid(urll="x", concurrency=0)
    slip["models"]["dense"]["max_waitng"] = 1
    assert complaints(slip) == [
        "models.cloud.concurrency: 0 is less than 1",
        "models.cloud.urll: is not a known key; did you mean url? known: concurrency, endpoints, family, key, "
        "logprobs, media, model, price, redact, salt, timeout, url",
        "models.dense.max_waitng: is not a known key; did you mean max_waiting? known: adapters, "
        "cost_per_hour, drain, engine, failover, family, max_waiting, media, price, priority, profile, replicas, "
        "resources, runtime, slo, source, stands_in_for, synthetic",
    ]


def test_the_report_tells_who_answers_with_which_key_at_what_price() -> None:
    """One line a model."""
    text = " ".join(line.text.strip() for line in report(planned(hybrid()), LAPTOP, "x"))
    assert (
        "cloud: answered as gpt-x by https://api.example.com/v1 with the key in CLOUD_KEY, 0.5 usd in and 1.5 out a "
        "million tokens; chat; at most 64 requests a gateway" in text
    )


def test_what_may_not_leave_is_told_wherever_the_model_is() -> None:
    """In the report, and in the drawing; a change of it restarts nothing."""
    masked, blocked = hybrid(redact={}), hybrid(redact={"action": "block", "entities": ["CARD", "IBAN"]})
    text = " ".join(line.text.strip() for line in report(planned(masked), LAPTOP, "x"))
    assert "out a million tokens, which gets no personal data; chat;" in text
    text = " ".join(line.text.strip() for line in report(planned(blocked), LAPTOP, "x"))
    assert "which gets no request with CARD, IBAN; chat;" in text
    boxes = {box.name: box.lines for box in diagram(Config.model_validate(masked)).boxes}
    assert boxes["cloud"] == ("gpt-x", "at api.example.com", "redact: mask")
    assert [change.restarts for change in changes(planned(masked), planned(blocked))] == [False]


def test_changes_reach_the_gateways_in_place() -> None:
    """No engine restarts for another server."""
    found = changes(planned(hybrid()), planned(hybrid(model="gpt-y")))
    assert [(change.what, change.restarts) for change in found] == [
        ("models.cloud: is another, answered by another server", False)
    ]


def test_explain_names_the_server(tmp_path: Path) -> None:
    """A path that leads out of the house says so."""
    file = tmp_path / "tercet.yaml"
    file.write_text(
        "models:\n"
        "  cloud: {family: remote, url: 'https://api.example.com/v1', model: gpt-x}\n"
        "gateway: {remote_hosts: [api.example.com]}\n"
    )
    told = CliRunner().invoke(app, ["explain", str(file), "--prompt", "hi"])
    assert told.exit_code == 0, told.output
    assert "answered as gpt-x by https://api.example.com/v1 without a key" in told.output


def test_a_node_may_need_what_a_remote_model_gives_or_not() -> None:
    """The message names the node, the model, and the way out."""
    graph = {
        "quick": {"cascade": [{"to": "outside", "accept": {"mean_logprob": -0.8}}, {"to": "dense"}]},
        "outside": {"fallback": ["dense", "cloud"]},
    }
    document_ = {**hybrid(graph), "default": "quick"}
    assert complaints(document_) == [
        "graph.quick.cascade[0].accept.mean_logprob: quick needs log-probabilities from outside, which leads to cloud; "
        "cloud gives none; write `logprobs: true` there if its server does"
    ]
    planned({**hybrid(graph, logprobs=True), "default": "quick"})


def test_a_case_for_images_leads_to_who_takes_them() -> None:
    """Else every request that it is for would be refused."""
    cases = {"switch": [{"when": {"has": "images"}, "to": "cloud"}, {"to": "dense"}]}
    assert complaints(hybrid({"auto": cases})) == [
        "graph.auto.switch[0].to: auto needs answers to images from cloud; cloud takes none until its media.images "
        "says how many"
    ]
    planned(hybrid({"auto": cases}, media={"images": 2}))


def test_judges_speak() -> None:
    """A pooling model judges nobody."""
    models = {"dense": model(), "embed": model(family="pooling", source="demo/embedding")}
    graph = {"best": {"ensemble": ["dense", "dense"], "choose": "judge", "judge": "embed"}}
    assert complaints(document(models=models, graph=graph, default="best")) == [
        "graph.best.judge: best needs text from embed; embed gives none"
    ]


def test_escapes_in_a_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Neither in the report nor in what explain prints."""
    told = hybrid(model="m\x1b]0;pwned\x07")
    text = " ".join(line.text for line in report(planned(told), LAPTOP, "x"))
    assert "answered as m ]0;pwned" in text
    assert text.isprintable()
    file = tmp_path / "tercet.yaml"
    file.write_text(json.dumps(told))
    shown = CliRunner().invoke(app, ["explain", str(file), "--prompt", "hi", "--model", "cloud"])
    assert shown.exit_code == 0, shown.output
    assert "\x1b" not in shown.output


def test_a_port_that_is_none() -> None:
    """Is told by the check, not by the first request."""
    assert complaints(hybrid(url="https://api.example.com:99999/v1")) == [
        'models.cloud.url: "https://api.example.com:99999/v1" has a port greater than 65535'
    ]
    named = {**hybrid(), "gateway": {"remote_hosts": ["api.example.com:99999", "api.example.com"]}}
    assert complaints(named) == ['gateway.remote_hosts[0]: "api.example.com:99999" has a port greater than 65535']


def test_gateways_know_when_a_model_has_become_another() -> None:
    """By its checkpoint, or by who answers as what; a graph node by all that it leads to."""

    def identity(name: str, source: str = "demo/dense", **cloud: Any) -> str:
        models = {"dense": model(source=source), "cloud": {**CLOUD, **cloud}}
        graph = {"auto": {"fallback": ["dense", "cloud"]}, "above": {"switch": [{"to": "auto"}]}}
        plan = planned(document(models=models, graph=graph, default="auto", gateway=HOSTS))
        return GatewaySettings.model_validate(plan.gateway.settings).identity(name)

    for name, changed in (("dense", {"source": "demo/dense-int8"}), ("cloud", {"model": "gpt-y"})):
        assert identity(name) == identity(name, concurrency=5)
        for reached in (name, "auto", "above"):
            assert identity(reached) != identity(reached, **changed)  # type: ignore[arg-type]
    assert identity("dense") == identity("dense", model="gpt-y")
