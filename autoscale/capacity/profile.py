"""What was measured of one engine on one kind of hardware: where the simulator and a cold controller start from."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.capacity.step_model import StepModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """The sizes of one engine; 0 where unknown.

    ``slots`` sequences at once (vLLM's max_num_seqs), ``batched_tokens`` a step (max_num_batched_tokens), ``kv_tokens``
    in the cache in blocks of ``block_tokens``.
    """

    slots: int = 0
    batched_tokens: int = 0
    kv_tokens: int = 0
    block_tokens: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTimes:
    """How long replicas take from being asked for to being ready: lognormal around ``median_s``.

    ``sigma`` is the standard deviation of the logarithm; ``failure_share`` of starts fail, in [0, 1].
    """

    median_s: float = 60.0
    sigma: float = 0.2
    failure_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """One engine: step times with the share of them that the model leaves to chance, sizes and starts.

    ``noise`` is the standard deviation of a step's time around the model's, as a share of it. ``entry_s`` is what the
    engine's front adds to every time to first token: taking a request in, and handing the token of a step out.
    """

    model: str
    hardware: str
    step: StepModel
    limits: EngineLimits
    noise: float = 0.0
    entry_s: float = 0.0
    starts: StartTimes = field(default_factory=StartTimes)
