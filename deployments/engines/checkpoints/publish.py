"""The published figures of a demo checkpoint, measured anew on the shipped held-out chats."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deployments.engines.checkpoints import answers, distilled, divergence, figures, models, packing, pruning, routing
from deployments.engines.checkpoints.inputs import mlp_inputs
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.questions import QUESTIONS, Questions
from deployments.engines.checkpoints.store import SHIPPED

RANDOM_SEED = 1


def measured(name: str, parts: Mapping[str, Path], report: Report, questions: Questions = QUESTIONS) -> dict[str, Any]:
    """Measure demo *name*, built in *parts*, beside demo/dense; KL in nats a token, speed in tokens a second."""
    dense, tokenizer = models.load(str(parts["dense"]))
    rows = packing.pack(answers.load(SHIPPED / "held_out.jsonl"), length=512, padding=tokenizer.eos_token_id)
    served = {"dense": dense}
    if name == "distilled":
        served["pruned"] = pruning.pruned(dense, distilled.dropped_layers())
    if name != "dense":
        served[name] = models.load(str(parts[name]))[0]
    table: dict[str, Any] = figures.compared(served, tokenizer, rows, report, questions)
    for part, path in parts.items():
        table[part]["megabytes"] = round(sum(file.stat().st_size for file in path.iterdir()) / 1e6)
    if name == "moe":
        table["moe"] |= routed(served["moe"], dense, rows)
    return table


@torch.no_grad()
def routed(mixture: Any, dense: Any, rows: Rows) -> dict[str, Any]:
    """Report how often each layer's experts are used, and KL to *dense* when routing is spoilt."""
    gates = [layer.mlp.gate.weight for layer in mixture.model.layers]
    chosen = mixture.config.num_experts_per_tok
    use = [expert_use(seen @ gate.T, chosen) for gate, seen in zip(gates, mlp_inputs(mixture, rows), strict=True)]
    targets, head = divergence.states(dense, rows), divergence.head(dense)
    own = [gate.clone() for gate in gates]
    distances = {}
    for name, spoil in (("kl_randomised_routing", randomise), ("kl_reversed_routing", reverse)):
        spoil(gates)
        distances[name] = round(divergence.distance(mixture, targets, head, rows), 4)
        for gate, weight in zip(gates, own, strict=True):
            gate.copy_(weight)
    return {**distances, "expert_use_per_layer": use}


def expert_use(logits: torch.Tensor, chosen: int) -> list[float]:
    """Return each expert's share of the tokens' choices; the shares of a layer sum to one."""
    use = routing.weights(logits.float(), chosen).gt(0).float().mean(dim=0) / chosen
    return [round(share, 3) for share in use.tolist()]


@torch.no_grad()
def randomise(gates: list[torch.Tensor], seed: int = RANDOM_SEED) -> None:
    """Replace gates by random ones with rows as long as theirs: as decided a router, but one that knows nothing."""
    generator = torch.Generator().manual_seed(seed)
    for gate in gates:
        drawn = torch.randn(gate.shape, generator=generator)
        gate.copy_(torch.nn.functional.normalize(drawn, dim=-1) * gate.float().norm(dim=-1, keepdim=True))


@torch.no_grad()
def reverse(gates: list[torch.Tensor]) -> None:
    """Turn gates around: every token goes to the experts that fit it least."""
    for gate in gates:
        gate.neg_()
