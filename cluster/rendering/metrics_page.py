"""The catalogue of metrics as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.telemetry.catalogue.catalogue import CATALOGUE, FOREIGN, every_series
from deployments.telemetry.catalogue.labels import LABELS
from deployments.telemetry.catalogue.series import Series

_TOLD_BY = {"gateway": "each gateway", "controller": "the cluster, once", "replica": "each engine replica"}
_HEAD = f"""# Metrics

<!-- Written by `tercet render metrics`; change deployments/telemetry/catalogue instead. -->

`GET /metrics` on any gateway is one exposition of the whole cluster: the gateway that is asked fetches the series of
all others and of every engine replica, each under its own name, and adds what the fleet controller says once. So one
target is enough, and two gateways behind one address never make a counter go backwards.
`tercet_exposition_processes{{outcome="missing"}}` counts processes that did not answer within four seconds.

* `GET /metrics?node=ADDRESS` is the part of the processes on one machine. Where each pod is to be a target, this keeps
  each figure from being there once for each gateway: relabel `__meta_kubernetes_pod_ip` to `__param_node`, as the
  chart's monitors do.
* Prometheus asks for OpenMetrics by itself. There, `tercet_ttft_seconds`, `tercet_request_duration_seconds` and
  `tercet_time_per_output_token_seconds` carry the trace of a request as an exemplar, where that is kept
  (`--enable-feature=exemplar-storage`).
* Engines of vLLM expose their own series, `{FOREIGN}*`, under vLLM's names and labels, with `pool` and `replica` added.
* With `telemetry: {{gen_ai_metrics: true}}` requests are counted under OpenTelemetry's names as well.
* Where access is configured, the exposition is for operators: give Prometheus a key with the admin scope.

Names of counters are as queries have them, with `_total`.
"""


def metrics_page() -> str:
    """Return the page, in Markdown."""
    return "\n".join([_HEAD, *_groups(), *_labels()]) + "\n"


def _groups() -> Iterator[str]:
    for title, group in CATALOGUE.items():
        yield f"## {title}\n"
        yield "| name | type | unit | labels | meaning | told by |\n| --- | --- | --- | --- | --- | --- |"
        yield from map(_row, group)
        yield ""


def _row(series: Series) -> str:
    labels = ", ".join(f"`{label}`" for label in series.whole_labels)
    told = _TOLD_BY[series.told_by] + (", where it is asked for" if series.optional else "")
    return f"| `{series.sample}` | {series.kind} | {series.unit} | {labels} | {series.text} | {told} |"


def _labels() -> Iterator[str]:
    used = {label for series in every_series() for label in series.whole_labels}
    yield "## Labels\n\nEvery label has a bounded set of values; nothing that a client writes becomes one.\n"
    yield "| label | meaning | values |\n| --- | --- | --- |"
    for name in sorted(used):
        yield f"| `{name}` | {LABELS[name].meaning} | {LABELS[name].values} |"
