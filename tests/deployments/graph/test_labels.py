"""Scores of labels, by the rules and by examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.labels import TASKS, by_rules, centroids, nearest
from deployments.graph.predicates import holds
from deployments.graph.subject import Subject
from deployments.graph.when import When
from tests.deployments.scripted import chat, context

CODE = "Write a Python function that merges two sorted lists"
VECTORS = st.lists(st.floats(-10, 10), min_size=3, max_size=3).filter(lambda vector: any(abs(x) > 0.01 for x in vector))


@given(st.text(max_size=200))
def test_scores_of_the_rules(text: str) -> None:
    """They sum to one over all tasks, and the task that the rules name has none above it."""
    subject = Subject(chat(text), context())
    scores = subject.labels.scores
    assert set(scores) == TASKS
    assert sum(scores.values()) == pytest.approx(1.0)
    assert scores[subject.task.task] >= max(scores.values()) - 1e-9


def test_nothing_that_speaks_for_a_task_is_a_chat_for_sure() -> None:
    """The scale's other end."""
    assert by_rules(Subject(chat("hi"), context()).task).scores["chat"] == 1.0


@given(st.dictionaries(st.sampled_from("abc"), st.lists(VECTORS, min_size=1, max_size=4), min_size=2), VECTORS)
def test_scores_of_examples(examples, vector) -> None:
    """They sum to one, do not depend on lengths, and the best label is the one with the nearest centroid."""
    labels = nearest(vector, centroids(examples), "x")
    assert sum(labels.scores.values()) == pytest.approx(1.0)
    longer = nearest([7 * value for value in vector], centroids(examples), "x")
    assert longer.scores == pytest.approx(labels.scores)
    assert labels.scores[labels.best] == max(labels.scores.values())


def test_an_example_is_nearest_to_itself() -> None:
    """The least that a classifier must do."""
    known = centroids({"a": [[1.0, 0.1, 0.0]], "b": [[0.0, 1.0, 0.3]], "c": [[0.2, 0.0, 1.0]]})
    assert [nearest(vector, known, "x").best for vector in ([1, 0.1, 0], [0, 1, 0.3], [0.2, 0, 1])] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ({"code": {"at_least": 0.5}}, True),
        ({"code": {"below": 0.5}}, False),
        ({"code": {"at_least": 0.5}, "chat": {"below": 0.1}}, False),
        ({"math": {"below": 0.1}}, True),
    ],
)
def test_a_condition_on_scores(score, expected: bool) -> None:
    """Every label that is named must be in its range."""
    assert holds(When.model_validate({"score": score}), Subject(chat(CODE), context())) is expected
