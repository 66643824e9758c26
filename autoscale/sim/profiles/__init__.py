"""Engine profiles to simulate with where none was measured; each file names its source."""

from __future__ import annotations

from pathlib import Path

from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.profile_file import load_profile

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of the profiles."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def shipped(name: str) -> EngineProfile:
    """Return one of them. Raises KeyError for a name that is not one of ``names``."""
    if name not in names():
        raise KeyError(f"there is no profile {name}; there are {', '.join(names())}")
    return load_profile(_FOLDER / f"{name}.yaml")
