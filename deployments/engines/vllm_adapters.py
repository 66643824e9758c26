"""LoRA adapters in a running vLLM engine, by vLLM's own serving layer."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from pathlib import Path

from vllm.entrypoints.openai.models.serving import OpenAIServingModels
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.lora.protocol import LoadLoRAAdapterRequest, UnloadLoRAAdapterRequest
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.adapters import served_name
from deployments.engines.adapter_files import copy, fault
from deployments.engines.adapter_set import AdapterSet
from deployments.errors import EngineFailed, Invalid

log = logging.getLogger(__name__)

LOAD_S = 120.0
_LIMIT = 400


class VllmAdapters:
    """Loads into the engine from a copy of its own.

    vLLM reads an adapter again whenever it was pushed out of memory, and tells cached prefixes of two adapters apart by
    their paths: the file must stay, and a changed file must not keep its path. An adapter that was taken out of its set
    is freed when the last request that uses it has ended.
    """

    def __init__(self, name: str, models: OpenAIServingModels, llm: AsyncLLM) -> None:
        self._name, self._models, self._llm = name, models, llm
        self._copies = Path(tempfile.mkdtemp(prefix="tercet-adapters-"))
        self._leaving: set[asyncio.Task[None]] = set()

    async def load(self, adapters: AdapterSet, name: str, folder: str) -> None:
        """Load the adapter in *folder* and put it into *adapters*; raises Invalid where the engine cannot hold it."""
        served = served_name(self._name, name)
        path = await asyncio.to_thread(self._copied, served, Path(folder))
        adapters.take(name)
        try:
            await self._load(served, path, folder)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        number = self._models.lora_requests[served].lora_int_id
        adapters.put(name, lambda: self._release(served, number, path))

    async def close(self) -> None:
        """Remove the copies; the engine is gone, or about to be."""
        for task in self._leaving:
            task.cancel()
        await asyncio.to_thread(shutil.rmtree, self._copies, ignore_errors=True)

    def _copied(self, served: str, folder: Path) -> Path:
        if why := fault(folder):
            raise Invalid(f"{served}: {folder} {why}")
        path = Path(tempfile.mkdtemp(dir=self._copies))
        copy(folder, path)
        return path

    async def _load(self, served: str, path: Path, folder: str) -> None:
        await self._forget(served)
        try:
            async with asyncio.timeout(LOAD_S):
                told = await self._models.load_lora_adapter(
                    LoadLoRAAdapterRequest(lora_name=served, lora_path=str(path)), base_model_name=self._name
                )
        except TimeoutError as error:
            raise EngineFailed(f"{served}: the engine did not load the adapter within {LOAD_S:g} s") from error
        if isinstance(told, ErrorResponse):
            reason = " ".join(told.error.message.replace(str(path), folder).split())[:_LIMIT]
            raise Invalid(f"{served}: {reason}")

    async def _forget(self, served: str) -> None:
        """Free the name for another adapter; requests that have begun keep theirs."""
        if served in self._models.lora_requests:
            await self._models.unload_lora_adapter(UnloadLoRAAdapterRequest(lora_name=served))

    def _release(self, served: str, number: int, path: Path) -> None:
        task = asyncio.create_task(self._remove(served, number, path), name=f"release adapter {number}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _remove(self, served: str, number: int, path: Path) -> None:
        current = self._models.lora_requests.get(served)
        if current is not None and current.lora_int_id == number:
            await self._forget(served)
        try:
            async with asyncio.timeout(LOAD_S):
                await self._llm.remove_lora(number)
        except Exception as error:  # noqa: BLE001 - a dead engine holds no adapters either
            log.warning("adapter_not_removed pool=%s reason=%s", self._name, error)
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
