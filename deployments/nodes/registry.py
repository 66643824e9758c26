"""Every kind of graph node, by the key that names it in the config: a file or folder here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.graph.kind import Kind
from deployments.nodes import deadline
from deployments.nodes.admission import kind as admission
from deployments.nodes.batch import kind as batch
from deployments.nodes.brown_out import kind as brown_out
from deployments.nodes.cache import kind as cache
from deployments.nodes.canary import kind as canary
from deployments.nodes.cascade import kind as cascade
from deployments.nodes.coalesce import kind as coalesce
from deployments.nodes.ensemble import kind as ensemble
from deployments.nodes.fallback import kind as fallback
from deployments.nodes.guard import kind as guard
from deployments.nodes.hedge import kind as hedge
from deployments.nodes.longform import kind as longform
from deployments.nodes.record import kind as record
from deployments.nodes.redact import kind as redact
from deployments.nodes.shadow import kind as shadow
from deployments.nodes.split import kind as split
from deployments.nodes.switch import kind as switch
from deployments.nodes.transform import kind as transform

KINDS: Mapping[str, Kind] = {
    "switch": switch.KIND,
    "fallback": fallback.KIND,
    "hedge": hedge.KIND,
    "deadline": deadline.KIND,
    "cascade": cascade.KIND,
    "ensemble": ensemble.KIND,
    "split": split.KIND,
    "record": record.KIND,
    "shadow": shadow.KIND,
    "canary": canary.KIND,
    "brown-out": brown_out.KIND,
    "coalesce": coalesce.KIND,
    "cache": cache.KIND,
    "admission": admission.KIND,
    "batch": batch.KIND,
    "longform": longform.KIND,
    "transform": transform.KIND,
    "redact": redact.KIND,
    "guard": guard.KIND,
}
