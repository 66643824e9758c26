"""An Idefics3 with random weights, small enough to be made in a test, with a tokenizer that it borrows.

Of the architectures whose images need no torchvision, neither in transformers nor in vLLM, this is the smallest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

PIXELS, PATCH, SHRINK = 64, 16, 2
IMAGE_TOKENS = (PIXELS // PATCH // SHRINK) ** 2
IMAGE, MARKS = "<image>", ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
CONTEXT = 1024


def tiny_idefics(folder: Path, text: str) -> str:
    """Write the checkpoint into *folder*, with the tokenizer and chat template of the checkpoint *text*."""
    import torch  # noqa: PLC0415 - collecting the tests must not import torch
    from transformers import AutoTokenizer, Idefics3ForConditionalGeneration  # noqa: PLC0415

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(text)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE, *MARKS]})
    Idefics3ForConditionalGeneration(_config(tokenizer)).to(torch.bfloat16).save_pretrained(folder)
    _processor(tokenizer).save_pretrained(folder)
    return str(folder)


def _config(tokenizer: Any) -> Any:
    from transformers import Idefics3Config, LlamaConfig  # noqa: PLC0415
    from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig  # noqa: PLC0415

    eyes = Idefics3VisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=PIXELS,
        patch_size=PATCH,
        initializer_range=0.2,
    )
    mouth = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Idefics3Config(
        vision_config=eyes,
        text_config=mouth,
        scale_factor=SHRINK,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        pad_token_id=tokenizer.pad_token_id,
    )


def _processor(tokenizer: Any) -> Any:
    from transformers import Idefics3Processor  # noqa: PLC0415
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil  # noqa: PLC0415

    edge = {"longest_edge": PIXELS}
    images = Idefics3ImageProcessorPil(do_image_splitting=False, size=edge, max_image_size=edge)
    return Idefics3Processor(images, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=tokenizer.chat_template)
