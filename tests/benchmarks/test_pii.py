"""Personal data is found in the labelled documents as well as is promised, and streams give none of it away."""

from __future__ import annotations

import pytest

from benchmarks.pii.accuracy import accuracy, documents
from benchmarks.pii.documents import drawn, written
from benchmarks.pii.splits import measured
from deployments.pii.scanner import KINDS

RECALL, PRECISION = 0.97, 0.95


@pytest.fixture(scope="module")
def found():
    return accuracy(documents())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_recall_and_precision_by_kind(found, kind):
    """To the character; there are enough of each kind to tell."""
    assert found[kind].labelled >= 50
    assert found[kind].recall >= RECALL
    assert found[kind].precision >= PRECISION


def test_the_documents_written_by_hand_hold_all_kinds_in_both_languages():
    """And what is found in them is right in all but one of a hundred."""
    by_hand = written()
    assert {document.language for document in by_hand} == {"en", "zh"}
    assert {span.kind for document in by_hand for span in document.spans} == KINDS
    figures = accuracy(by_hand).values()
    assert sum(one.right for one in figures) >= RECALL * sum(one.labelled for one in figures)
    assert sum(one.wrong for one in figures) <= (1 - PRECISION) * sum(one.right for one in figures)


def test_a_seed_draws_the_same_documents():
    """Which another seed does not."""
    assert list(drawn(1, 20)) == list(drawn(1, 20)) != list(drawn(2, 20))


def test_no_split_leaks():
    """The short form of ``python -m benchmarks.pii.splits``."""
    tally = measured(500, seed=7)
    assert (tally.splits, tally.leaks) == (500, 0)
    assert tally.values > 500
