"""What is used and left of a tenant's budgets, for its operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from deployments.tenancy.identity import Identity
from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.ledger.lines import Quota
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.usage import MICRO
from deployments.tenancy.rights import Rights

_FRACTIONS = frozenset({"cost", "compute"})


async def statements(
    rights: Rights, tenant: str, keys: Sequence[KeyRecord], ledger: Ledger, now_us: int
) -> list[dict[str, Any]]:
    """Return each quota of *tenant*, of its *keys* and of its models, by name, as JSON has it; costs as in prices.

    What was used beyond all room is the ``overrun``. Raises StoreAwayError where the ledger does not answer.
    """
    return [await _stated(claim, ledger, now_us) for claim in _quotas(rights, tenant, keys, now_us)]


def _quotas(rights: Rights, tenant: str, keys: Sequence[KeyRecord], now_us: int) -> Iterator[Claim]:
    found: dict[str, Claim] = {}
    nobody = Identity(tenant=tenant, key="")
    for claim in rights.of_caller(nobody, now_us):
        if claim.whose.startswith("tenant "):
            found.setdefault(claim.line.account, claim)
    for model in sorted({*rights.tenants[tenant].models, *rights.models}):
        found.update({claim.line.account: claim for claim in rights.of_model(nobody, model, now_us)})
    for record in keys:
        if record.tenant == tenant and record.state(now_us / 1e6) == "active":
            with suppress(ValueError):  # nobody gets in by a key whose limits are not known
                every = rights.of_caller(record.identity(), now_us)
                found.update({claim.line.account: claim for claim in every})
    return (found[account] for account in sorted(found) if isinstance(found[account].line, Quota))


async def _stated(claim: Claim, ledger: Ledger, now_us: int) -> dict[str, Any]:
    line = claim.line
    assert isinstance(line, Quota)  # noqa: S101 - rates keep nothing that was used
    state = await ledger.statement(line.account, now_us)
    left = max(0, line.limit - state.settled - state.reserved - state.overrun)
    told = {"limit": line.limit, "used": state.settled, "held": state.reserved, "overrun": state.overrun, "left": left}
    scale = MICRO if claim.counts in _FRACTIONS else 1
    of, _, period = line.account.removeprefix(f"{claim.whose}|").partition("|")
    amounts = {name: amount if scale == 1 else amount / scale for name, amount in told.items()}
    return {"whose": claim.whose, "of": of, "period": period, **amounts}
