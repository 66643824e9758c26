"""Random LoRA adapters for a checkpoint on disk, made in a test by the library that people make them with."""

from __future__ import annotations

from pathlib import Path

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def tiny_lora(checkpoint: str, folder: Path, *, seed: int, rank: int = 8) -> str:
    """Write an adapter for *checkpoint* into *folder*, strong enough that greedy answers change."""
    import torch  # noqa: PLC0415 - collecting the tests must not import torch
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    # Without init_lora_weights an adapter starts as nothing: B is zero.
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=MODULES, init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(folder)
    return str(folder)


def merged(checkpoint: str, adapter: str, folder: Path) -> str:
    """Write *checkpoint* with *adapter* worked into its weights, in float32, for whoever knows no adapters."""
    import torch  # noqa: PLC0415
    from peft import PeftModel  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return str(folder)
