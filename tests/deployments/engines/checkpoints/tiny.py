"""A random Llama small enough for a test, in float32."""

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from deployments.engines.checkpoints.answers import Answered

VOCABULARY = 61


def llama(layers: int = 5, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True, initializer_range=0.2,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def chats(count: int, seed: int = 0, prompt: int = 5, answer: int = 7) -> list[Answered]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (count, prompt + answer), generator=generator).tolist()
    return [Answered(prompt=row[:prompt], answer=row[prompt:]) for row in ids]
