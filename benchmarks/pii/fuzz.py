"""Coverage-guided fuzzing of the search in streams: ``python -m benchmarks.pii.fuzz -max_total_time=600``.

Needs atheris, which nothing else does. Ends at the first text and split that are cut otherwise than the whole text, or
whose segments are not the text.
"""

from __future__ import annotations

import sys

from benchmarks.pii.splits import masked
from deployments.pii.scanner import Scanner


def one(data: bytes) -> None:
    """Try one input: a byte that says how often to cut, so many places, and a text."""
    count = data[0] % 16 if data else 0
    text = data[1 + count :].decode("utf-8", "replace")
    cuts = sorted(cut * len(text) // 256 for cut in data[1 : 1 + count])
    frames = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    scanner = Scanner()
    segments = [segment for frame in frames for segment in scanner.feed(frame)] + scanner.end()
    if "".join(segment.text for segment in segments) != text:
        raise AssertionError(f"something was lost of {frames!r}")
    if masked(frames) != masked([text]):
        raise AssertionError(f"another search for {frames!r}")


def main() -> None:
    """Fuzz until told to stop."""
    import atheris  # noqa: PLC0415 - no part of the project's own environment

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
