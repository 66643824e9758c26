"""Estimate the length of a prompt in tokens, without a tokenizer."""

from __future__ import annotations

import math

CHARS_PER_TOKEN = 4.0


def estimate_tokens(text: str) -> int:
    """Return about how many tokens *text* has.

    A token is taken as four ASCII characters, or one character of a script that UTF-8 writes in three bytes, as
    Chinese. UTF-8 lengths tell the two apart at the speed of a copy: n ASCII and w wide characters are n + 3w bytes.
    """
    extra = 0 if text.isascii() else len(text.encode("utf-8", "replace")) - len(text)
    wide = extra / 2
    return math.ceil(max(0.0, len(text) - wide) / CHARS_PER_TOKEN + wide)
