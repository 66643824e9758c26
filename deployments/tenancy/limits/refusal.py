"""Why a limit lets nobody through, in words for the client."""

from __future__ import annotations

from deployments.errors import BudgetExhausted, RateLimited, TooManyRequests
from deployments.tenancy.ledger.lines import Refused
from deployments.tenancy.limits.claims import Claim

# A place becomes free when another request ends, of which nobody knows when.
PLACE_RETRY_S = 1.0
_TOLD = {
    "requests_per_minute": "{limit} requests a minute are used up",
    "tokens_per_minute": "the tokens of this minute are used up, or too few are left for this request",
    "concurrent": "{limit} requests at once are under way",
    "calls_per_day": "the {limit} calls of this day are used up",
    "budget": "too little of the budget of {counts} is left for this request",
}
_NEVER = "the request may come to more than it is ever given; lower max_tokens, or shorten the prompt"


def refusal(claim: Claim, refused: Refused) -> TooManyRequests:
    """Return the error: when waiting helps it says how long."""
    why = _TOLD[claim.kind].format(limit=refused.balance.limit, counts=claim.counts)
    if refused.never:
        why = _NEVER if claim.counts in {"tokens", "cost", "compute"} else why
    wait_s = None if refused.wait_us is None else refused.wait_us / 1e6
    if claim.counts == "place":
        wait_s = PLACE_RETRY_S
    kind = BudgetExhausted if claim.kind == "budget" else RateLimited
    return kind(f"{claim.whose}: {why}", retry_after_s=wait_s)
