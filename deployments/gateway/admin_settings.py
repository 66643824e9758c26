"""Who may change a running cluster over HTTP; nobody unless a token is named."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from deployments.strict import Strict


def _absolute(folder: str) -> str:
    if not PurePosixPath(folder).is_absolute():
        raise ValueError("is not an absolute path")
    return folder


class AdminSettings(Strict):
    """The guard of the admin routes.

    The token itself is never part of a configuration: ``token_env`` names the environment variable and ``token_file``
    the file that a gateway finds it in. Where keys are known, one with the admin scope opens the routes as well.
    Adapters are loaded only from inside the folders ``adapters_from``, and the newest report in the folder
    ``backtests``, as ``tercet backtest --json`` writes them, is shown to operators.

    With ``port`` the routes are on that port of every machine with a gateway, at ``host``, and not on the gateway's
    own. Without, they are on the gateway's where that is loopback, and nowhere else.
    """

    token_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
    token_file: Annotated[str, AfterValidator(_absolute)] | None = None
    backtests: Annotated[str, AfterValidator(_absolute)] | None = None
    adapters_from: tuple[Annotated[str, AfterValidator(_absolute)], ...] = ()
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token_env and self.token_file:
            raise ValueError("names both token_env and token_file; keep one")
        if self.adapters_from and not self.named:
            raise ValueError("has adapters_from and no token; name one by token_env or token_file")
        return self

    @property
    def named(self) -> bool:
        """Tell whether there is a token that somebody might hold."""
        return bool(self.token_env or self.token_file)
