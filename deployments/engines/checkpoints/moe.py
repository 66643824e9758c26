"""Build demo/moe: demo/dense upcycled to a Mixtral whose four experts are smaller than the MLP they came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import MixtralConfig, MixtralForCausalLM

from deployments.engines.checkpoints import answers, models, packing, routing, upcycling
from deployments.engines.checkpoints.inputs import mlp_inputs
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.store import SHIPPED
from deployments.engines.checkpoints.upcycling import Mlp

EXPERTS, CHOSEN = 4, 2
SIZE = 1280  # neurons an expert, of the 1,536 of the dense MLP
SHARPNESS = 1.0  # standard deviation of the router's logits
RIDGE = 0.2  # by error on held-out tokens: less of it fits the calibration text only
SWEEPS = 1
SEED = 0


def build(target: Path, parts: Mapping[str, Path], report: Report) -> None:
    """Write the mixture into *target*: one calibration pass of the dense model and linear algebra, no training."""
    dense, tokenizer = models.load(str(parts["dense"]))
    chats = answers.load(SHIPPED / "calibration.jsonl")
    rows = packing.pack(chats, length=512, padding=tokenizer.eos_token_id)
    models.save(upcycled(dense, rows, SIZE, report), tokenizer, target)


@torch.no_grad()
def upcycled(dense: Any, rows: Rows, size: int, report: Report) -> Any:
    """Turn a Llama into a Mixtral whose router and experts are fitted to what the Llama's MLPs see on *rows*."""
    report(f"watching {int((rows.positions > 0).sum())} tokens pass through the dense model")
    seen = mlp_inputs(dense, rows)
    mixture = _hollow(dense, size)
    for index, inputs in enumerate(seen):
        if index % 10 == 0:
            report(f"fitting router and experts of layer {index + 1} of {len(seen)}")
        _fill(mixture.model.layers[index].mlp, dense.model.layers[index].mlp, inputs, size, SEED + index)
    return mixture.eval()


def _fill(block: Any, mlp: Any, inputs: torch.Tensor, size: int, seed: int) -> None:
    whole = Mlp(gate=mlp.gate_proj.weight, up=mlp.up_proj.weight, down=mlp.down_proj.weight)
    block.gate.weight.copy_(routing.gate(inputs.float(), EXPERTS, CHOSEN, SHARPNESS, seed))
    shares = routing.weights((inputs @ block.gate.weight.T).float(), CHOSEN)
    parts = upcycling.experts(whole, inputs, shares, size, RIDGE, SWEEPS)
    for index, part in enumerate(parts):
        # One fused tensor an expert: the gate's rows above the up projection's.
        block.experts.gate_up_proj[index].copy_(torch.cat([part.gate, part.up]))
        block.experts.down_proj[index].copy_(part.down)


def _hollow(dense: Any, size: int) -> Any:
    """Make the Mixtral with the Llama's attention, norms and embeddings, its experts still to be filled."""
    shared = {name: getattr(dense.config, name) for name in _SHARED}
    config = MixtralConfig(
        **shared, intermediate_size=size, num_local_experts=EXPERTS, num_experts_per_tok=CHOSEN, sliding_window=None
    )
    mixture = MixtralForCausalLM(config).to(dense.dtype)
    kept = {name: weight for name, weight in dense.state_dict().items() if ".mlp." not in name}
    mixture.load_state_dict(kept, strict=False)
    mixture.tie_weights()
    mixture.generation_config = dense.generation_config
    return mixture


_SHARED = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
    "hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_parameters", "tie_word_embeddings",
    "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip
