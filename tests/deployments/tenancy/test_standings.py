"""How tenants stand to each other, by what is configured for them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.standing import ALONE, Standing
from deployments.tenancy.spec import TenantSpec
from deployments.tenancy.standings import standing_of

TENANTS = {
    "acme": TenantSpec(),
    "bank": TenantSpec(stay_local=True, weight=2.5),
    "lab": TenantSpec(prefix_group="acme"),
    "lab2": TenantSpec(prefix_group="acme"),
}


def test_each_has_its_own_prefixes_unless_a_group_is_named() -> None:
    """Also where the group is called as a tenant is."""
    assert standing_of("acme", TENANTS) == Standing(account="acme", prefixes="tenant acme")
    assert standing_of("bank", TENANTS) == Standing(
        account="bank", weight=2.5, prefixes="tenant bank", stays_local=True
    )  # fmt: skip
    assert standing_of("lab", TENANTS).prefixes == standing_of("lab2", TENANTS).prefixes == "group acme"
    assert standing_of("lab", TENANTS).account == "lab"


def test_without_tenants_what_callers_say_of_themselves_is_nothing() -> None:
    """Nothing is kept apart and nobody has a share."""
    assert standing_of("acme", {}) is ALONE


def test_one_that_is_not_configured_has_the_least() -> None:
    """A mistake of ours must not open what is closed to others."""
    unknown = standing_of("who", TENANTS)
    assert unknown.stays_local
    assert unknown.prefixes not in {standing_of(name, TENANTS).prefixes for name in TENANTS}


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"weight": 1e9}, {"stay_local": "yes"}, {"prefix_group": ""}])
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    """A weight of nothing would never have a turn."""
    with pytest.raises(ValidationError):
        TenantSpec.model_validate(wrong)
