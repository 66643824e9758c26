"""Engine profiles as YAML files, for people to read, to check and to carry from one cluster to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from deployments.quantities import Seconds, Share

_MOST_BYTES = 2**16

NotNegative = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=0, le=10**12)]


class ProfileError(ValueError):
    """A profile that cannot be read; says the file, the field and the rule."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepSection(_Section):
    """Step times: of every step, per prompt token, per prompt token and token before it, per decoding sequence, and per
    token in the KV cache of those sequences.
    """

    base_ms: NotNegative
    prefill_token_us: NotNegative
    prefill_context_ns: NotNegative = 0.0
    sequence_us: NotNegative
    kv_token_ns: NotNegative = 0.0


class LimitsSection(_Section):
    """Sizes, 0 where unknown; see ``EngineLimits``."""

    slots: Size = 0
    batched_tokens: Size = 0
    kv_tokens: Size = 0
    block_tokens: Annotated[int, Field(ge=1, le=10**6)] = 16


class StartsSection(_Section):
    """How long starts take; see ``StartTimes``."""

    median: Annotated[Seconds, Field(gt=0, le=86_400)] = 60.0
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.2
    failure_share: Share = 0.0


class ProfileFile(_Section):
    """One profile; ``source`` says where its figures are from: a command, or a publication.

    For ``noise`` and ``entry_ms`` see ``EngineProfile``.
    """

    model: Annotated[str, Field(min_length=1, max_length=500)]
    hardware: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(max_length=2000)] = ""
    step: StepSection
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    entry_ms: NotNegative = 0.0
    limits: LimitsSection = LimitsSection()
    starts: StartsSection = StartsSection()


def load_profile(path: Path) -> EngineProfile:
    """Read a profile; raises ProfileError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > _MOST_BYTES:
        raise ProfileError(f"{path}: is larger than {_MOST_BYTES // 2**10} KiB, which no profile is")
    try:
        found = ProfileFile.model_validate(yaml.safe_load(raw.decode("utf-8-sig")))
    except ValidationError as error:
        raise ProfileError(f"{path}: {_told(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfileError(f"{path}: is not YAML: {' '.join(str(error).split())[:200]}") from error
    return _profile(found)


def write_profile(path: Path, profile: EngineProfile, *, source: str) -> None:
    """Write *profile* to *path*; *source* says where it is from. Raises ProfileError."""
    text = yaml.safe_dump(_file(profile, source).model_dump(), sort_keys=False, width=110, allow_unicode=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror or error}") from error


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    what = "is not a known key" if first["type"] == "extra_forbidden" else first["msg"]
    return f"{where}: {what}" if where else f"is no profile: {what}"


def _profile(found: ProfileFile) -> EngineProfile:
    step, limits, starts = found.step, found.limits, found.starts
    return EngineProfile(
        model=found.model,
        hardware=found.hardware,
        step=StepModel(
            base_s=step.base_ms / 1e3,
            prefill_token_s=step.prefill_token_us / 1e6,
            prefill_context_s=step.prefill_context_ns / 1e9,
            sequence_s=step.sequence_us / 1e6,
            kv_token_s=step.kv_token_ns / 1e9,
        ),
        limits=EngineLimits(**limits.model_dump()),
        noise=found.noise,
        entry_s=found.entry_ms / 1e3,
        starts=StartTimes(median_s=starts.median, sigma=starts.sigma, failure_share=starts.failure_share),
    )


def _file(profile: EngineProfile, source: str) -> ProfileFile:
    step, limits, starts = profile.step, profile.limits, profile.starts
    return ProfileFile(
        model=profile.model,
        hardware=profile.hardware,
        source=source,
        step=StepSection(
            base_ms=_four(1e3 * step.base_s),
            prefill_token_us=_four(1e6 * step.prefill_token_s),
            prefill_context_ns=_four(1e9 * step.prefill_context_s),
            sequence_us=_four(1e6 * step.sequence_s),
            kv_token_ns=_four(1e9 * step.kv_token_s),
        ),
        noise=_four(profile.noise),
        entry_ms=_four(1e3 * profile.entry_s),
        limits=LimitsSection(
            slots=limits.slots,
            batched_tokens=limits.batched_tokens,
            kv_tokens=limits.kv_tokens,
            block_tokens=limits.block_tokens,
        ),
        starts=StartsSection(
            median=_four(starts.median_s), sigma=_four(starts.sigma), failure_share=_four(starts.failure_share)
        ),
    )


def _four(value: float) -> float:
    """Round to four digits, which is more than any measurement has."""
    return float(f"{value:.4g}")
