"""Requests that refer to a stored response, which only the replica that keeps it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deployments.adapters import served_name, split_name
from deployments.errors import NotFound
from deployments.gateway.checked import wrong
from deployments.gateway.settings import GatewaySettings
from deployments.graph.reach import reachable
from deployments.request import Endpoint, Request
from deployments.response_id import made_for, place_of

_ID_FIELD: Mapping[Endpoint, str] = {
    "responses": "previous_response_id",
    "response": "response_id",
    "response_cancel": "response_id",
}
_SHOWN_CHARS = 200


def lookup(endpoint: Endpoint, response_id: str, query: Mapping[str, str]) -> Request:
    """Return the request for a stored response; *query* may ask for its events, from one of them on."""
    body: dict[str, object] = {"response_id": response_id}
    stream = _flag(query, "stream") if endpoint == "response" else False
    if stream and "starting_after" in query:
        body["starting_after"] = _whole_number(query, "starting_after")
    return Request(endpoint=endpoint, model="", body=body, stream=stream)


def pinned(request: Request, settings: GatewaySettings, owner: str | None = None) -> Request:
    """Return *request* bound to the replica that keeps what it refers to, itself where it refers to nothing.

    Raises NotFound for an id of no pool here, or of another tenant than *owner* where that is given, and Invalid where
    the client asked for a model that did not make it.
    """
    field = _ID_FIELD.get(request.endpoint)
    response_id = request.body.get(field) if field else None
    if not field or not response_id:
        return request
    asked, adapter = split_name(request.model)
    if asked and asked not in {*settings.models, *settings.graph}:
        return request
    place = place_of(response_id)
    foreign = owner is not None and not made_for(response_id, owner)
    if place is None or foreign or place.pool not in settings.models:
        raise NotFound(f"{field}: there is no response {response_id[:_SHOWN_CHARS]!r}", param=field)
    if asked and place.pool not in reachable(asked, settings.graph):
        raise wrong(field, f"was answered by {place.pool}, which {asked} does not lead to; leave the model out")
    return replace(request, model=served_name(place.pool, adapter), replica=place.replica)


def _flag(query: Mapping[str, str], name: str) -> bool:
    told = query.get(name, "false").lower()
    if told not in ("true", "false", "1", "0"):
        raise wrong(name, "must be true or false")
    return told in ("true", "1")


def _whole_number(query: Mapping[str, str], name: str) -> int:
    told = query[name]
    if not (told.isascii() and told.isdigit() and len(told) < 10):  # noqa: PLR2004 - the digits of 32 bits
        raise wrong(name, "must be the sequence number of an event")
    return int(told)
