"""The peers by name: each rule at its defaults, and the settings that it is tuned over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from autoscale.backtest.peers.aibrix import Apa, Kpa
from autoscale.backtest.peers.chiron import Chiron
from autoscale.backtest.peers.dynamo_load import EasyLoad, SlaLoad
from autoscale.backtest.peers.dynamo_throughput import Throughput, both_loops
from autoscale.backtest.peers.heteroscale import HeteroScale
from autoscale.backtest.peers.hpa_metrics import hpa_on_kv, hpa_on_ongoing
from autoscale.backtest.peers.inferno import Inferno
from autoscale.backtest.peers.keda import epp_keda, keda
from autoscale.backtest.peers.knative import Knative
from autoscale.backtest.peers.knee_use import hpa_on_knee
from autoscale.backtest.peers.ray_serve import RayServe
from autoscale.backtest.peers.wva_v1 import WvaV1
from autoscale.backtest.peers.wva_v2 import WvaV2
from autoscale.backtest.rule import Rule, RulePolicy

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A rule, its options where they differ from the rule's own, and the settings that are worth trying."""

    rule: Callable[..., Rule]
    defaults: Options = field(default_factory=dict)
    settings: Sequence[Options] = ()

    def policy(self, options: Options | None = None) -> RulePolicy:
        """Return a fresh policy, with *options* over the defaults."""
        chosen = {**self.defaults, **(options or {})}
        return RulePolicy(lambda: self.rule(**chosen))


def _grid(**axes: Sequence[Any]) -> tuple[Options, ...]:
    return tuple(dict(zip(axes, point, strict=True)) for point in product(*axes.values()))


def edges(options: Options, settings: Sequence[Options]) -> list[str]:
    """Return the options at the least or the most of what was tried, of those with more values than two."""
    tried = {name: sorted({one[name] for one in settings}) for name in options}
    return [name for name, value in options.items() if value not in tried[name][1:-1] and len(tried[name]) > _A_PAIR]


_A_PAIR = 2
_EACH = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
_KV = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
# The share down below the one up in the proportion of the defaults.
_WVA_V2 = tuple(
    {"up_share": up, "down_share": round(up * 0.70 / 0.85, 3), "interval_s": interval_s}
    for up in (0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
    for interval_s in (15, 60)
)

PEERS: Mapping[str, Peer] = {
    "ray-serve": Peer(
        rule=RayServe,
        settings=_grid(target_ongoing_requests=_EACH, upscale_delay_s=(0, 30), downscale_delay_s=(60, 300, 600)),
    ),
    "hpa-ongoing": Peer(rule=hpa_on_ongoing, settings=_grid(target=_EACH)),
    "hpa-kv": Peer(rule=hpa_on_kv, settings=_grid(target=_KV)),
    "hpa-knee-70": Peer(rule=hpa_on_knee, defaults={"utilization": 0.70}),
    "hpa-knee-78": Peer(
        rule=hpa_on_knee,
        defaults={"utilization": 0.78},
        settings=_grid(utilization=(0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)),
    ),
    "hpa-knee-85": Peer(rule=hpa_on_knee, defaults={"utilization": 0.85}),
    "keda-waiting": Peer(rule=keda, settings=_grid(target=(0.25, 0.5, 1, 2))),
    "epp-keda": Peer(rule=epp_keda, settings=_grid(running_each=_EACH)),
    "knative": Peer(rule=Knative, settings=_grid(target=_EACH, scale_down_delay_s=(0, 300))),
    "aibrix-apa": Peer(rule=Apa, settings=_grid(target=_KV, window_s=(60, 180))),
    "aibrix-kpa": Peer(rule=Kpa),
    "aibrix-kpa-restored": Peer(rule=Kpa, defaults={"restored": True}, settings=_grid(target=_KV)),
    "wva-v1": Peer(rule=WvaV1, settings=_grid(kv_spare=(0.1, 0.3, 0.5), queue_spare=(3.0, 4.5))),
    "wva-v2": Peer(rule=WvaV2, settings=_WVA_V2),
    "wva-inferno": Peer(rule=Inferno, settings=_grid(margin=(1.0, 1.1, 1.2, 1.35, 1.5), interval_s=(15, 60))),
    "dynamo-easy": Peer(rule=EasyLoad, settings=_grid(up_share=(0.3, 0.5, 0.7, 1.0), down_share=(0.1, 0.2))),
    "dynamo-load": Peer(rule=SlaLoad, settings=_grid(sensitivity=(0.3, 0.5, 0.65, 0.8))),
    "dynamo-throughput": Peer(rule=Throughput, settings=_grid(interval_s=(30, 60, 180))),
    "dynamo-both": Peer(rule=both_loops, settings=_grid(sensitivity=(0.3, 0.5, 0.65, 0.8), interval_s=(30, 60, 180))),
    "chiron": Peer(rule=Chiron, settings=_grid(busy_share=(0.05, 0.1, 0.2, 0.4))),
    "heteroscale": Peer(rule=HeteroScale, settings=_grid(tokens_per_s_each=(125, 250, 500, 1000, 2000))),
}
