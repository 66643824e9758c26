"""A policy that is a class on the Python path."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from autoscale.policies.combinators import Contained
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Policy

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("is not a class such as my.module:MyPolicy")
    return value


class PythonSpec(PolicySpec):
    """``python: my.module:MyPolicy``, with the keyword arguments that it is built with as ``options``.

    It is trusted to be quick and pure, and not to be free of mistakes: where it raises, its pools hold.
    """

    kind = "python"
    whole = True

    python: Annotated[str, Field(max_length=200), AfterValidator(_path)]
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def steady(self) -> bool:
        """Say yes: what somebody wrote is not changed behind their back."""
        return True

    def build(self, within: Build) -> Policy:
        """Import and build it. Raises ValueError that says what is missing."""
        policy = self._built()
        if not callable(getattr(policy, "decide", None)):
            raise ValueError(  # noqa: TRY004 - it is the configuration that is wrong
                f"autoscale.policy.python: {self.python!r} has no method decide(fleet); write one"
            )
        return Contained(policy, within.tally)

    def _built(self) -> Any:
        module, _, name = self.python.partition(":")
        try:
            return getattr(import_module(module), name)(**self.options)
        except ImportError as error:
            way_out = "put its folder on PYTHONPATH where the fleet controller runs"
            raise ValueError(
                f"autoscale.policy.python: {self.python!r} cannot be imported: {error}; {way_out}"
            ) from error
        except AttributeError as error:
            raise ValueError(f"autoscale.policy.python: {self.python!r} cannot be built: {error}") from error
        except Exception as error:
            told = f"{self.python!r} cannot be built with its options: {type(error).__name__}: {error}"
            raise ValueError(f"autoscale.policy.options: {told}") from error
