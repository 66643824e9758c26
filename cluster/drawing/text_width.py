"""How wide a line of text will be at most, without a font.

Helvetica's published advance widths, with room for DejaVu Sans, which stands in where neither Helvetica nor Arial nor
Liberation Sans is there and is a sixth wider, in its signs and digits more.
"""

from __future__ import annotations

from unicodedata import east_asian_width

# In thousandths of the font's size, from the space to the tilde.
_ASCII = (
    278, 278, 355, 720, 556, 889, 667, 238, 338, 338, 432, 720, 278, 333, 278, 291,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 291, 291, 720, 720, 720, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_FIRST = 32
_OTHER, _WIDE = 740, 1000
_BOLD = 1.1
_ROOM = 1.17


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide *text* is at most in a sans-serif font of *size*, in the same unit."""
    return sum(map(_advance, text)) / 1000 * size * _ROOM * (_BOLD if bold else 1.0)


def wrapped(text: str, size: float, most: float) -> list[str]:
    """Break *text* at its spaces into lines no wider than *most*; a word that is wider stands alone, cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size) <= most:
            lines[-1] = longer
        else:
            lines.append(clipped(word, size, most))
    return lines


def clipped(text: str, size: float, most: float, *, bold: bool = False) -> str:
    """Cut *text* so that it fits, and show that it was cut."""
    if width(text, size, bold=bold) <= most:
        return text
    while text and width(f"{text}…", size, bold=bold) > most:
        text = text[:-1]
    return f"{text}…"


def _advance(letter: str) -> int:
    at = ord(letter) - _FIRST
    if 0 <= at < len(_ASCII):
        return _ASCII[at]
    return _WIDE if east_asian_width(letter) in "WF" or letter == "…" else _OTHER
