"""Keep the tenants of one engine apart in its prefix cache.

How soon a first token comes tells whether somebody has lately sent a prompt that begins alike. So what an engine
remembers of prompts is named by a salt as well, and requests find only what was computed under their own.
"""

from __future__ import annotations

from secrets import token_bytes

from deployments.salts import SECRET_BYTES, Salts


class CacheSalts(Salts):
    """Salts of a secret that is drawn with the object and never told.

    They mean something to this engine alone, whose cache ends with it.
    """

    def __init__(self) -> None:
        super().__init__(token_bytes(SECRET_BYTES))
