"""What a client says of the cache in its headers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployments.errors import Invalid
from deployments.request import Context

TAGS = "x-tercet-cache-tags"
CONTROL = "cache-control"
# What clients send that no answer depends on; the cache itself is what `cache-control` is meant for.
NOT_COUNTED = (CONTROL, "pragma")
_TAG = re.compile(r"[A-Za-z0-9._:/-]{1,64}", re.ASCII)
_MOST_TAGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``keep`` unless the answer must not be kept, ``find`` unless it must be new; ``tags`` to forget it by.

    ``near`` unless it must be the answer to this very question.
    """

    keep: bool = True
    find: bool = True
    near: bool = True
    tags: tuple[str, ...] = ()


def asked(context: Context) -> Asked:
    """Read the headers (RFC 9111, 5.2.1: ``no-store``, ``no-cache``, ``no-transform``); raises Invalid for no tags."""
    control = context.headers.get(CONTROL, "")
    if not control and TAGS not in context.headers:
        return _USUAL
    told = {part.strip().lower() for part in control.split(",")}
    keep = "no-store" not in told
    find = keep and "no-cache" not in told
    return Asked(
        keep=keep, find=find, near=find and "no-transform" not in told, tags=_tags(context.headers.get(TAGS, ""))
    )


def is_tag(tag: str) -> bool:
    """Say whether *tag* can be one."""
    return _TAG.fullmatch(tag) is not None


def _tags(header: str) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in header.split(",") if tag.strip()))
    if len(tags) > _MOST_TAGS or not all(map(is_tag, tags)):
        rule = f"at most {_MOST_TAGS} tags of up to 64 letters, digits and ._:/-, with commas between"
        raise Invalid(f"{TAGS}: must be {rule}", param=TAGS)
    return tags


_USUAL = Asked()
