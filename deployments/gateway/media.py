"""Refuse media that the model does not take, or that may not be fetched, before any engine sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from deployments.adapters import split_name
from deployments.errors import Invalid
from deployments.gateway.media_parts import MediaPart, media_parts
from deployments.gateway.media_url import refusal
from deployments.gateway.settings import GatewaySettings
from deployments.graph.reach import reachable
from deployments.media import MediaSpec, Modality

_SETTING: Mapping[Modality, str] = {"image": "images", "audio": "audio", "video": "videos"}
# They change how many pixels and tokens a part becomes, past every bound of the configuration.
_OPERATORS = ("mm_processor_kwargs", "media_io_kwargs")
_SHOWN = 20


def anything(_: str) -> bool:
    """Let every name be told."""
    return True


def check_media(
    name: str, body: Mapping[str, Any], settings: GatewaySettings, may: Callable[[str], bool] = anything
) -> None:
    """Raise an Invalid whose ``param`` is the first part of *body* that *name* may not be asked with.

    Of other models, those are told of that the caller *may* ask for.
    """
    for option in _OPERATORS:
        if body.get(option):
            raise Invalid(f"{option}: is set by the operator, under the model's engine arguments", param=option)
    seen: Counter[Modality] = Counter()
    taken: MediaSpec | None = None
    for part in media_parts(body):
        if part.named:
            # Engines would take whatever else came under that name for it, whoever sent that.
            rule = "has a uuid; media are known by what they show, leave it out"
            raise Invalid(f"{part.field}: {rule}", param=part.field)
        modality = _modality(part)
        seen[modality] += 1
        taken = taken or taken_by(name, settings)
        if seen[modality] > taken.most(modality):
            raise _too_many(name, part, modality, taken, [other for other in _names(settings) if may(other)], settings)
        for url in part.urls:
            reason = refusal(url, taken.allowed_hosts)
            if reason is not None:
                raise Invalid(f"{part.field}: {reason}", param=part.field)


def taken_by(name: str, settings: GatewaySettings) -> MediaSpec:
    """Return what every model that may answer for *name* takes: for a graph node the least of each."""
    models = reachable(split_name(name)[0], settings.graph)
    return reduce(_both, (settings.models[model].media for model in sorted(models)))


def _both(one: MediaSpec, other: MediaSpec) -> MediaSpec:
    return MediaSpec(
        images=min(one.images, other.images),
        audio=min(one.audio, other.audio),
        videos=min(one.videos, other.videos),
        allowed_hosts=tuple(host for host in one.allowed_hosts if host in other.allowed_hosts),
    )


def _modality(part: MediaPart) -> Modality:
    if part.kind == "tensor":
        raise Invalid(f"{part.field}: tensors are not read; send the media itself", param=part.field)
    if part.kind == "document":
        raise Invalid(f"{part.field}: documents are not read; send their text, or images of them", param=part.field)
    return part.kind


def _names(settings: GatewaySettings) -> tuple[str, ...]:
    return (*settings.models, *settings.graph)


def _too_many(
    name: str, part: MediaPart, modality: Modality, taken: MediaSpec, names: Sequence[str], settings: GatewaySettings
) -> Invalid:
    most, things = taken.most(modality), _SETTING[modality]
    if most:
        return Invalid(f"{part.field}: is one too many; {name} takes {most} {things} a request", param=part.field)
    others = [other for other in names if taken_by(other, settings).most(modality)][:_SHOWN]
    way_out = f"use {' or '.join(others)}" if others else f"no model here does until its media.{things} says how many"
    return Invalid(f"{part.field}: {name} takes no {things}; {way_out}", param=part.field)
