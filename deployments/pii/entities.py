"""Which kinds of personal data are looked for, as configured."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from deployments.pii.scanner import KINDS
from deployments.strict import fail, nearest, not_empty, problem

EVERY: tuple[str, ...] = tuple(sorted(KINDS))


def _known(entities: tuple[str, ...]) -> tuple[str, ...]:
    fail("entities", [
        problem((at,), "no_such_entity", f"is nothing that is looked for; {nearest(name, KINDS)}", name)
        for at, name in enumerate(entities) if name not in KINDS
    ])  # fmt: skip
    return not_empty(entities)


Entities = Annotated[tuple[str, ...], AfterValidator(_known)]
