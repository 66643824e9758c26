"""The profiles that a document names: whether they can be read, and whether they are of the machines that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.profile_file import ProfileError, load_profile
from cluster.config import ModelSpec
from cluster.plan import Machine
from cluster.problems import Problem, path_of
from cluster.sizing import device_of


def unprofiled(models: Mapping[str, ModelSpec], folder: Path) -> Iterator[Problem]:
    """Find the profiles that cannot be read; a relative path starts at *folder*, which holds the document."""
    for name, model in models.items():
        if model.profile is None:
            continue
        try:
            load_profile(folder / Path(model.profile).expanduser())
        except ProfileError as error:
            yield Problem(path=path_of(("models", name, "profile")), message=str(error), value=model.profile)


def profiles_of(models: Mapping[str, ModelSpec], folder: Path) -> dict[str, EngineProfile]:
    """Read the profiles of the models that name one; raises ProfileError."""
    return {
        name: load_profile(folder / Path(model.profile).expanduser())
        for name, model in models.items()
        if model.profile is not None
    }


def misprofiled(
    models: Mapping[str, ModelSpec], profiles: Mapping[str, EngineProfile], nodes: Sequence[Machine]
) -> Iterator[str]:
    """Say of each profile that it was measured on another kind of hardware than its pool will get."""
    for name, profile in profiles.items():
        device = device_of(models[name], nodes)
        if (profile.hardware == "cpu") != (device == "cpu"):
            where = path_of(("models", name, "profile"))
            yield (
                f"{where}: was measured on {profile.hardware}, and the pool runs on a {device.upper()}: until its own "
                f"steps have told otherwise, its capacity is a guess; `tercet profile` measures it"
            )
