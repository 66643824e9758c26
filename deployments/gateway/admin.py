"""The two admin routes: load a LoRA adapter into every replica of a pool, and take it out again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from deployments.adapters import AdapterOutcome, inside, is_adapter_name, served_name, split_name
from deployments.errors import Forbidden, Invalid, TimedOut, UnknownModel
from deployments.gateway.checked import Body, NonEmpty, checked, wrong
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import admin_body, guarded
from deployments.gateway.settings import GatewaySettings
from deployments.strict import nearest

WITHIN_S = 120.0


class AdapterAdmin(Protocol):
    """Changes what every replica of a pool holds, and says after *within_s* seconds at most how far that has come."""

    async def load(self, pool: str, adapter: str, path: str, within_s: float) -> AdapterOutcome: ...

    async def unload(self, pool: str, adapter: str, within_s: float) -> AdapterOutcome: ...


class _Unload(Body, kw_only=True):
    lora_name: NonEmpty


class _Load(_Unload, kw_only=True):
    lora_path: NonEmpty
    load_inplace: bool = False

    def check(self) -> None:
        if self.load_inplace:
            raise wrong("load_inplace", "is not supported; unload the adapter, then load it")


def admin_routes(gateway: Gateway, admin: AdapterAdmin) -> list[Route]:
    """Return the routes; names and bodies are vLLM's."""

    async def load(http: HttpRequest) -> dict[str, Any]:
        settings = gateway.live.settings
        asked = checked(await admin_body(http), _Load)
        pool, adapter = _named(asked, settings)
        await _check_place(asked.lora_path, settings)
        outcome = await admin.load(pool, adapter, asked.lora_path, min(WITHIN_S, settings.request_timeout))
        return _told(outcome, served_name(pool, adapter), "loaded")

    async def unload(http: HttpRequest) -> dict[str, Any]:
        settings = gateway.live.settings
        pool, adapter = _named(checked(await admin_body(http), _Unload), settings)
        outcome = await admin.unload(pool, adapter, min(WITHIN_S, settings.request_timeout))
        return _told(outcome, served_name(pool, adapter), "unloaded")

    return [
        Route("/v1/load_lora_adapter", guarded(gateway, "load_lora_adapter", load, _logged), methods=["POST"]),
        Route("/v1/unload_lora_adapter", guarded(gateway, "unload_lora_adapter", unload, _logged), methods=["POST"]),
    ]


def _logged(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"adapter": answer["lora_name"]}


def _named(asked: _Unload, settings: GatewaySettings) -> tuple[str, str]:
    """Return pool and adapter, whether named together or by `model` and `lora_name`; raises an Invalid."""
    name = asked.lora_name if ":" in asked.lora_name or not asked.model else served_name(asked.model, asked.lora_name)
    pool, adapter = split_name(name)
    if not is_adapter_name(adapter):
        rule = "is not MODEL:ADAPTER, the adapter of up to 63 letters, digits, '.', '_' and '-', no sign first"
        raise wrong("lora_name", f"{name[:200]!r} {rule}")
    if pool not in settings.models:
        told = f"lora_name: there is no model {pool[:200]!r}; {nearest(pool, settings.models)}"
        raise UnknownModel(told, param="lora_name")
    model = settings.models[pool]
    if adapter in model.adapters:
        raise wrong("lora_name", f"{name} is declared in the configuration, which is where to change it")
    if not model.lora:
        raise Invalid(f"{pool} runs without LoRA: set models.{pool}.engine.enable_lora, which restarts its engines")
    return pool, adapter


async def _check_place(path: str, settings: GatewaySettings) -> None:
    folders = settings.admin.adapters_from
    if not folders:
        raise Forbidden("adapters may be loaded from nowhere: list folders in gateway.admin.adapters_from")
    if not await asyncio.to_thread(inside, path, folders):
        told = f"{path[:200]!r} is not inside {' or '.join(folders)}"
        raise wrong("lora_path", f"{told}; move it there, or list its folder in gateway.admin.adapters_from")


def _told(outcome: AdapterOutcome, name: str, done: str) -> dict[str, Any]:
    """Return the answer to a change that came to its end; raises a ServingError for any other."""
    if outcome.refused:
        raise wrong("lora_name", outcome.refused)
    if outcome.failures:
        where = "; ".join(f"{replica}: {reason}" for replica, reason in outcome.failures.items())
        raise wrong("lora_path", f"{name} was not {done}, and no replica keeps it: {where}")
    if outcome.waiting:
        late = ", ".join(outcome.waiting)
        raise TimedOut(f"{name} is not {done} yet on {late}; that goes on, and asking again waits for it")
    return {
        "message": f"Success: LoRA adapter '{name}' {done} on {len(outcome.done)} replicas.",
        "lora_name": name,
        "replicas": list(outcome.done),
    }
