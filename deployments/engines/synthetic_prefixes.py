"""The prefix cache of a synthetic engine: which beginnings of prompts need not be computed again."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

# Sixteen tokens of four characters: a block of vLLM's.
BLOCK_CHARS, BLOCK_TOKENS = 64, 16


class PrefixCache:
    """Remembers as many blocks as *tokens* fill, the latest used; each is named by its salt and all that precedes it.

    ``queries`` counts the prompt tokens that it was asked for, ``hits`` those that it had.
    """

    def __init__(self, tokens: int) -> None:
        self._most = tokens // BLOCK_TOKENS
        self._blocks: OrderedDict[bytes, None] = OrderedDict()
        self.queries = self.hits = 0

    def found(self, prompt: str, salt: str | None, *, tokens: int) -> int:
        """Return how many of the prompt's *tokens* are here; one at least is left to be computed, as in vLLM."""
        blocks = _names(prompt, salt)
        known = next((at for at, name in enumerate(blocks) if name not in self._blocks), len(blocks))
        hit = min(tokens - 1, tokens * known * BLOCK_CHARS // max(1, len(prompt)))
        self.queries += tokens
        self.hits += hit
        return hit

    def keep(self, prompt: str, salt: str | None) -> None:
        """Note that all of the prompt has been computed."""
        # From the end, so that a prefix outlives what follows it.
        for name in reversed(_names(prompt, salt)):
            self._blocks[name] = None
            self._blocks.move_to_end(name)
        while len(self._blocks) > self._most:
            self._blocks.popitem(last=False)


def _names(prompt: str, salt: str | None) -> list[bytes]:
    name, names = (salt or "").encode(), []
    for end in range(BLOCK_CHARS, len(prompt) + 1, BLOCK_CHARS):
        said = prompt[end - BLOCK_CHARS : end].encode("utf-8", "replace")
        name = blake2b(said, digest_size=8, key=name[:64]).digest()
        names.append(name)
    return names
