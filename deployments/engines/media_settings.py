"""How a pool's rules for media reach vLLM: as engine arguments, and as the environment of the process that fetches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deployments.media import MODALITIES, MediaSpec

# vLLM reads an empty list as every host. The top-level domain is reserved: no name below it can be resolved.
NO_HOST = "none.invalid"
_DOWNLOAD_MB = 64


def arguments(media: MediaSpec) -> dict[str, Any]:
    """Return the engine arguments; a model that reads only text ignores them.

    vLLM's processor cache knows pictures by what they show, and not by whose request they are in: how fast one is read
    would tell a tenant what others have sent.
    """
    return {
        "mm_processor_cache_gb": 0,
        "limit_mm_per_prompt": {modality: media.most(modality) for modality in MODALITIES},
        "allowed_media_domains": sorted({host.partition(":")[0] for host in media.allowed_hosts}) or [NO_HOST],
    }


def environment(media: MediaSpec) -> Mapping[str, str]:
    """Return what the process that holds the serving layer must have in its environment before it reads media.

    A redirect would lead to a host that nobody allowed, and a retry waits four times as long as the try before it.
    """
    timeout_s = str(math.ceil(media.fetch_timeout))
    return {
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "VLLM_MEDIA_FETCH_MAX_RETRIES": "1",
        "VLLM_IMAGE_FETCH_TIMEOUT": timeout_s,
        "VLLM_AUDIO_FETCH_TIMEOUT": timeout_s,
        "VLLM_VIDEO_FETCH_TIMEOUT": timeout_s,
        "VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB": str(_DOWNLOAD_MB),
        "VLLM_MAX_IMAGE_PIXELS": str(media.max_pixels),
    }
