"""A random Llama small enough for a test, in float32."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from deployments.engines.checkpoints.answers import Answered

VOCABULARY = 61


def llama(layers: int = 5, seed: int = 0, vocabulary: int = VOCABULARY) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.2,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def chats(count: int, seed: int = 0, prompt: int = 5, answer: int = 7) -> list[Answered]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (count, prompt + answer), generator=generator).tolist()
    return [Answered(prompt=row[:prompt], answer=row[prompt:]) for row in ids]


def save_with_tokenizer(path: Path, layers: int = 4) -> str:
    """Write a tiny Llama that reads and writes bytes, as a checkpoint directory."""
    alphabet = {sign: index for index, sign in enumerate(["<s>", "</s>", *sorted(ByteLevel.alphabet())])}
    tokenizer = Tokenizer(BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    llama(layers, vocabulary=len(alphabet)).save_pretrained(str(path))
    fast.save_pretrained(str(path))
    return str(path)
