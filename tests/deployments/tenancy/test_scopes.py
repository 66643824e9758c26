"""What scopes give of models that have adapters."""

from __future__ import annotations

import pytest

from deployments.tenancy.identity import Scopes


def scopes(*models: str) -> Scopes:
    return Scopes(models=frozenset(models))


@pytest.mark.parametrize(
    ("given", "may", "may_not"),
    [
        (scopes("dense"), {"dense"}, {"dense:a", "moe"}),
        (scopes("dense:a"), {"dense:a"}, {"dense", "dense:b"}),
        (scopes("dense:*"), {"dense", "dense:a", "dense:b"}, {"moe", "moe:a"}),
        (Scopes(), {"dense", "dense:a"}, set()),
        (scopes("dense:*").within(scopes("dense", "dense:a")), {"dense", "dense:a"}, {"dense:b"}),
        (scopes("dense", "dense:a").within(scopes("dense:*")), {"dense", "dense:a"}, {"dense:b"}),
        (scopes("dense").within(scopes("dense:*", "moe")), {"dense"}, {"dense:a", "moe"}),
        (scopes("dense:*").within(Scopes()), {"dense", "dense:a"}, {"moe"}),
    ],
)
def test_a_model_is_given_without_its_adapters_unless_all_are(given: Scopes, may: set[str], may_not: set[str]) -> None:
    """One that is loaded later is among all of them, and not with the model alone."""
    assert {name for name in may | may_not if given.model(name)} == may
