"""``tercet deploy``: hand a Serve config to a Ray cluster, and again whenever the file or the cluster is another."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cluster.declared.following import Following
from cluster.declared.serve_api import ServeApi, Standing
from cluster.declared.serve_config import APPLICATION
from cluster.obstacles import CannotServeError

_LOOK_S = 5.0


def deploy(
    file: Annotated[Path, typer.Argument(help="A Serve config, such as `tercet render serve` prints.")],
    address: Annotated[str, typer.Option(help="Where the head's dashboard listens.")] = "http://127.0.0.1:8265",
    token: Annotated[str | None, typer.Option(envvar="RAY_AUTH_TOKEN", help="Ray's token.", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Deploy again what changes, fails or is lost.")] = False,
    within: Annotated[float, typer.Option(min=1.0, help="Seconds to wait until all is ready.")] = 1800.0,
) -> None:
    """Deploy FILE and wait until all that it declares is ready."""
    api = ServeApi(address.rstrip("/"), token)
    if follow:
        _follow(api, file)
    try:
        api.put(_read(file))
        _wait(api, within)
    except CannotServeError as error:
        typer.echo(f"tercet deploy: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("deployed: all that is declared is ready")


def _read(file: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CannotServeError(f"{file} cannot be read: {error}") from error
    if not isinstance(config, dict) or "applications" not in config:
        raise CannotServeError(f"{file} is no Serve config: it has no `applications`.")
    return config


def _wait(api: ServeApi, within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        standing = api.standings().get(APPLICATION, Standing(status="NOT_STARTED"))
        if standing.status == "RUNNING":
            return
        if standing.status == "DEPLOY_FAILED":
            raise CannotServeError(standing.reason)
        time.sleep(1.0)
    raise CannotServeError(f"not ready after {within_s:g} s.")


def _follow(api: ServeApi, file: Path) -> None:
    """Deploy the file's text whenever it is another, is lost or has failed; tell every change of how that is."""
    following = Following(api)
    told = ""
    while True:
        try:
            standing = following.look(_read(file), time.monotonic())
            now = " ".join(filter(None, (standing.status, standing.reason)))
        except CannotServeError as error:
            now = str(error)
        if now != told:
            typer.echo(now)
            told = now
        time.sleep(_LOOK_S)
