"""The way in: every check on the texts of a request, in their order, until one refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from deployments.errors import ContentRefused, Declined
from deployments.graph.rewriting.apart import length_of, searched
from deployments.graph.rewriting.prompt import Prompted, readable, texts_of
from deployments.graph.wiring import Wiring
from deployments.nodes.guard.judge import breaks_policy
from deployments.nodes.guard.looks import Look
from deployments.request import Context, Request

# What takes longer to search than a stream should wait for: what is found often takes a microsecond a character.
_LONG_CHARS = 4000


@dataclass(slots=True)
class Admitted:
    """A request that may go on: as what, to whom, and what is to be told of it."""

    request: Request
    target: str
    notes: list[str]


async def admitted(
    name: str, looks: Sequence[Look], request: Request, target: str, context: Context, wiring: Wiring
) -> Admitted:
    """Return how *request* goes on; raises ContentRefused where it does not, and Declined for want of a verdict.

    The first check that routes decides where; what it has masked, the ones behind it do not see.
    """
    going = Admitted(request, target, [])
    if not looks:
        return going
    readable(request, name)
    texts = texts_of(request)
    for at, look in enumerate(looks):
        field = await _found(name, look, at, texts, context, wiring)
        if field is None:
            continue
        check = look.check
        wiring.meters.screened(name, check.look, check.action)
        if check.action == "block":
            raise ContentRefused(f"{field}: holds what this model's policy does not let through", param=field)
        if check.action == "mask":
            mask = partial(look.masked, going.request)
            going.request = await searched(mask, length_of(texts), at_once=_LONG_CHARS)
            texts = texts_of(going.request)
        if check.to is not None and going.target == target:
            going.target = check.to
        going.notes.append(f"{check.look} {check.action}")
    return going


async def _found(
    name: str, look: Look, at: int, texts: Sequence[Prompted], context: Context, wiring: Wiring
) -> str | None:
    """Return the field at fault, None where there is none."""
    if look.finder is not None:
        return await searched(partial(look.found_in, texts), length_of(texts), at_once=_LONG_CHARS)
    text = "\n".join(one.text for one in texts)
    if not text.strip():
        return None
    call = context.fork(f"{name}.input{at}")
    return texts[0].field if await judged(name, look, text, call, wiring, whose="a user") else None


async def judged(name: str, look: Look, text: str, context: Context, wiring: Wiring, *, whose: str) -> bool:
    """Return whether a judge finds *text* unsafe; raises Declined where it tells nothing and that is no leave."""
    verdict = await breaks_policy(name, look.check, text, context, wiring, whose=whose)
    if verdict is None:
        wiring.meters.screened(name, "no verdict", look.check.without_verdict)
        if look.check.without_verdict == "refuse":
            raise Declined(f"{look.check.judge} gave no verdict on the text of {whose}; try again later")
    return bool(verdict)
