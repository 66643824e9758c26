"""Write the golden outputs anew: ``python -m tests.cluster.golden.write``, then review the difference."""

from __future__ import annotations

from tests.cluster.test_examples import EXAMPLES, GOLDEN, printed

if __name__ == "__main__":
    for example in EXAMPLES:
        (GOLDEN / f"{example.stem}.txt").write_text(printed(example), encoding="utf-8")
