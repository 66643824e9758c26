"""What the configuration says of a request's tenant, as far as the way of a request depends on it."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How one tenant stands to the others; the defaults are those of a deployment that knows no tenants.

    ``account`` is whom work is counted for where tenants take turns, ``weight`` its share beside theirs. Requests of
    the same ``prefixes`` use each other's beginnings in engines' prefix caches. What ``stays_local`` is given to
    engines of this cluster alone.
    """

    account: str = ""
    weight: float = 1.0
    prefixes: str = ""
    stays_local: bool = False

    def unasked(self) -> Standing:
        """Return the standing of work that nobody asked for: it takes no tenant's turns, and finds what is its own."""
        return msgspec.structs.replace(self, account=NOBODY, weight=1.0) if self.account else self


# The name of no tenant.
NOBODY = "\0nobody"
ALONE = Standing()
