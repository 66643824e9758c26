"""How what requests cost is kept, as configured."""

from __future__ import annotations

from pydantic import Field

from deployments.quantities import Seconds
from deployments.strict import Strict


class CostSettings(Strict):
    """Where the sums of each hour are kept, for how long, and the currency of every pool's ``cost_per_hour``.

    ``file`` is on the machine of the fleet controller; by default it is in the state directory of the run.
    """

    file: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    keep: Seconds = Field(default=400 * 86_400.0, ge=86_400, le=3_660 * 86_400)
    currency: str = Field(default="usd", pattern=r"^[a-z]{3}$")
