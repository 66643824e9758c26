"""One byte for each character, so that patterns over bytes know where they are in the text.

Full-width forms, digits of other scripts and typographic spaces and dashes become what they look like in ASCII.
"""

from __future__ import annotations

import unicodedata

# A letter of an alphabet with words between spaces: part of a word, as it is in e-mail addresses.
LETTER = b"\xe0"
# Everything else, and what stands before the beginning and after the end.
OTHER = b"\x80"

_FULL_WIDTH = range(0xFF01, 0xFF5F)
_SPACES = frozenset((0xA0, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)))
_DASHES = frozenset((0x2212, 0xFE58, 0xFE63, *range(0x2010, 0x2016)))
_LETTERS = (range(0xC0, 0x250), range(0x370, 0x530))


class _Table(dict[int, int]):
    """Fills itself with the characters that are met, of which there are only so many."""

    def __missing__(self, code: int) -> int:
        folded = self[code] = _byte(code)
        return folded


def _byte(code: int) -> int:
    if code < OTHER[0]:
        return code
    if code in _FULL_WIDTH:
        return code - 0xFEE0
    if code in _SPACES:
        return ord(" ")
    if code in _DASHES:
        return ord("-")
    digit = unicodedata.decimal(chr(code), None)
    if digit is not None:
        return ord("0") + digit
    letter = any(code in letters for letters in _LETTERS) and unicodedata.category(chr(code)).startswith("L")
    return LETTER[0] if letter else OTHER[0]


_TABLE = _Table()


def folded(text: str) -> bytes:
    """Return *text* with one byte for each of its characters."""
    return text.encode() if text.isascii() else text.translate(_TABLE).encode("latin-1")
