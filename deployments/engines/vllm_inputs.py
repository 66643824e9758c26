"""Keep the tenants of one engine apart in what its encoders remember of pictures and sounds, as ``cache_salt`` does."""

from __future__ import annotations

from typing import Any

from vllm.v1.engine.input_processor import InputProcessor

from deployments.engines.cache_salt import CacheSalts
from deployments.engines.watch import WATCH


class ApartInputs(InputProcessor):  # type: ignore[misc]
    """An InputProcessor that names media by the salt of whose request they are in, beside what they show."""

    def __init__(self, *arguments: Any, salts: CacheSalts, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._salts = salts

    def _get_mm_identifier(self, mm_hash: str, lora_request: Any) -> str:
        known: str = super()._get_mm_identifier(mm_hash, lora_request)
        watch = WATCH.get()
        salt = None if watch is None else self._salts.of(watch.standing.prefixes, None)
        return known if salt is None else f"{salt}:{known}"
