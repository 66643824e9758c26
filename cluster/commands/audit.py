"""tercet audit: check what was recorded of every generation, and take it elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.audit.lines import Place
from deployments.audit.noted import NotedError, note, noted
from deployments.audit.parquet import export as write_parquet
from deployments.audit.signing import PUBLIC_FILE, SigningKeyError, public_key
from deployments.audit.verify import Verdict, verify

_SHOWN = 100

audit = typer.Typer(no_args_is_help=True, add_completion=False, help="Check and export the audit trail.")

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder of the audit files.")]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", help="A trusted key (PEM), to be given for each; by default the folder's own."),
]
Noted = Annotated[
    Path | None, typer.Option("--noted", help="Places that were noted before, and kept where the folder is not.")
]


@audit.command("verify")
def _verify(
    folder: Folder,
    keys: Keys = None,
    noted_before: Noted = None,
    save: Annotated[Path | None, typer.Option(help="Note how far every chain comes, for --noted.")] = None,
) -> None:
    """Find every record that was changed, added, removed or moved; exit 1 where there is one."""
    verdict = _checked(folder, keys or [], noted_before)
    if save is not None:
        note(save, verdict.ends.values())
    raise typer.Exit(1 if verdict.problems else 0)


@audit.command("export")
def _export(
    folder: Folder,
    to: Annotated[Path, typer.Argument(dir_okay=False, help="The Parquet file to write.")],
    since: Annotated[datetime | None, typer.Option(help="Only what arrived from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only what arrived before (UTC).")] = None,
    keys: Keys = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where the check finds something wrong.")] = False,
) -> None:
    """Write the records as a table, a row for each request and each act of an operator, once they have been checked."""
    if _checked(folder, keys or [], None).problems and not anyway:
        typer.echo("tercet audit export: nothing is written; --anyway writes what there is", err=True)
        raise typer.Exit(1)
    try:
        rows = write_parquet(
            folder,
            to,
            since_s=since.replace(tzinfo=UTC).timestamp() if since else 0.0,
            until_s=until.replace(tzinfo=UTC).timestamp() if until else float("inf"),
        )
    except ModuleNotFoundError:
        typer.echo('tercet audit export: needs pyarrow: pip install "tercet[parquet]"', err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"tercet audit export: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{rows} records in {to}")


def _checked(folder: Path, keys: list[Path], noted_before: Path | None) -> Verdict:
    """Verify and print; exit where a key or a note cannot be read."""
    own = folder / PUBLIC_FILE
    try:
        trusted = [public_key(path) for path in keys or [own]]
        places: list[Place] = noted(noted_before) if noted_before is not None else []
        verdict = verify(folder, trusted, places)
    except (OSError, SigningKeyError, NotedError) as error:
        typer.echo(f"tercet audit: {error}", err=True)
        raise typer.Exit(1) from None
    for one in verdict.findings[:_SHOWN]:
        typer.echo(f"{'note ' if one.note else 'WRONG'} {one.chain} line {one.n}: {one.what}")
    if (more := len(verdict.findings) - _SHOWN) > 0:
        typer.echo(f"and {more} more")
    wrong = len(verdict.problems)
    told = "nothing is wrong" if not wrong else f"{wrong} things are wrong"
    typer.echo(f"{verdict.answers} records in {len(verdict.ends)} chains, {verdict.lost} told to be lost: {told}")
    if not keys:
        typer.echo(f"checked with {own}, which whoever can write there can change; --public-key names another")
    return verdict
