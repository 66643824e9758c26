"""What a request may come to at one model, by its tariff and what was learnt of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from deployments.tenancy.accounting.estimate import Estimate
from deployments.tenancy.accounting.paces import Paces
from deployments.tenancy.accounting.tariff import UNPRICED, Tariff
from deployments.tenancy.limits.usage import Usage


@dataclass(frozen=True, slots=True)
class Quote:
    """The tariff as it is now, the estimate as the model may get it, and what to hold."""

    tariff: Tariff
    expected: Estimate
    most: Usage


def quoted(model: str, expected: Estimate, prices: Mapping[str, Tariff], paces: Paces) -> Quote:
    """Return what *expected* may come to at *model*, whose pace is what it was of late."""
    tariff = replace(prices.get(model, UNPRICED), pace=paces.of(model), most=paces.most(model))
    expected = expected.rewritten(tariff.rewritten, paces.beyond(model))
    most = msgspec.structs.replace(tariff.bound(expected.prompt_most, expected.completion), spare=expected.spare)
    return Quote(tariff, expected, most)
