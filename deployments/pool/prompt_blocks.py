"""Name the prefixes of a prompt, so that two requests which begin alike can be told without a tokenizer.

A prompt is cut into blocks of bytes, and each block's name covers all bytes up to its end: equal names mean equal
prefixes (as vLLM names its KV blocks, over tokens). A change of the chat template changes every prompt alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

BLOCK_BYTES = 256
BYTES_PER_TOKEN = 4
MAX_BLOCKS = 512

# What comes first in a rendered prompt comes first here.
_FIELDS = ("tools", "system", "instructions", "messages", "prompt", "input")
SALT_FIELD = "cache_salt"

_encode = msgspec.json.Encoder(enc_hook=str).encode


def blocks_of(body: Mapping[str, Any], *, prefixes: str = "") -> tuple[bytes, ...]:
    """Return the names of the prompt's full blocks, the shortest prefix first.

    Names are equal only among requests that an engine's prefix cache does not keep apart: by whose *prefixes* they use,
    and by the salt that clients may send.
    """
    text = b"".join(_encode(body[field]) for field in _FIELDS if body.get(field))
    names, name = [], _beginning(body, prefixes)
    for end in range(BLOCK_BYTES, min(len(text), MAX_BLOCKS * BLOCK_BYTES) + 1, BLOCK_BYTES):
        name = blake2b(text[end - BLOCK_BYTES : end], digest_size=8, key=name).digest()
        names.append(name)
    return tuple(names)


def _beginning(body: Mapping[str, Any], prefixes: str) -> bytes:
    salt = body.get(SALT_FIELD)
    return blake2b(_encode((prefixes, salt)), digest_size=8).digest() if prefixes or salt else b""
