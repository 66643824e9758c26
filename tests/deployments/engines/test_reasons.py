"""`tercet check` can say of everything that is set why it is set."""

from __future__ import annotations

from itertools import product
from typing import get_args

from deployments.engines import reasons
from deployments.engines.cpu_settings import Device, Family, defaults, environment, replica_environment
from deployments.engines.lora_settings import lora_defaults


def test_every_default_has_its_reason() -> None:
    """Of any family, on any device, with adapters or without."""
    for family, device in product(get_args(Family), get_args(Device)):
        assert defaults(family, device).keys() <= reasons.ARGUMENTS.keys()
    assert lora_defaults({}, ["a"]).keys() <= reasons.ARGUMENTS.keys()


def test_every_variable_has_its_reason() -> None:
    """With cores of an engine's own and without, one rank or several."""
    for cores, ranks in ((None, 1), ((0, 1, 2, 3), 1), ((0, 1, 2, 3), 2)):
        told = reasons.ENVIRONMENT.keys()
        assert environment(cores=cores, ranks=ranks, preload=["/lib/a.so"], local=True).keys() <= told
        assert replica_environment("vllm", pinned=True).keys() <= told
    assert reasons.SHARED.keys() <= environment(cores=None).keys()
