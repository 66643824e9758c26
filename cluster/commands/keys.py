"""``tercet keys``: make API keys, list them, replace them, end them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from cluster.commands.key_lines import budget_lines, key_lines
from cluster.commands.on_stores import configured, done
from cluster.config import grantable
from cluster.document import parse
from cluster.problems import problem_of
from deployments.tenancy.assembly import Stores, pepper_of, rights_of
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.secret import Key, is_id
from deployments.tenancy.keys.told import moment, shown
from deployments.tenancy.keys.wishes import Known, Wish, WishError, duration, one_of, wanted
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.statements import statements

File = Annotated[Path, typer.Argument(help="The Tercet document, which says where keys are kept.")]


def _id(text: str) -> str:
    if not is_id(text):
        raise typer.BadParameter("is no key's id; give the part of the key between the underscores alone")
    return text


KeyId = Annotated[str, typer.Argument(help="The key's id: the part between the underscores.", callback=_id)]

keys = typer.Typer(name="keys", add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@keys.callback()
def described() -> None:
    """Make API keys, list them, replace them, end them."""


@keys.command()
def create(
    file: File,
    tenant: Annotated[str, typer.Option(help="Whose key it is.")],
    name: Annotated[str, typer.Option(help="What it is for, shown in lists.")] = "",
    models: Annotated[str | None, typer.Option(help="Models that it may ask for, such as dense,moe:*.")] = None,
    nodes: Annotated[
        str | None, typer.Option(help="Graph nodes that it may ask for, and all that they lead to.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Let it use the admin routes.")] = False,
    expires: Annotated[str | None, typer.Option(help="When it ends, from now, such as 90d; else never.")] = None,
    limits: Annotated[
        str | None, typer.Option(help="Limits of its own, such as '{requests_per_minute: 60}'; else each_key's.")
    ] = None,
) -> None:
    """Make a key and print it: the only time that anybody sees it.

    Without --models and --nodes it may ask for all that its tenant may; with one of them for nothing else.
    """
    config, access = configured(file)
    now_s = time.time()
    wish = Wish(
        tenant=tenant,
        name=name,
        models=_names(models),
        nodes=_names(nodes),
        admin=admin,
        expires=expires,
        limits=None if limits is None else _allotment(limits, "--limits"),
    )
    with _told():
        asked = wanted(wish, Known(tenants=config.tenants, models=grantable(config), nodes=config.graph), now_s)

    async def made(stores: Stores) -> Key:
        return await issuing.create(stores.keys, await pepper_of(access, stores.keys), asked, now_s)

    print(done(config, "key_create", made, told=lambda key: {"id": key.id}, undo=_withdraw).text())


@keys.command("list")
def listed(file: File, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List every key, never what it opens with."""
    config, _ = configured(file)
    now_s = time.time()
    found = done(config, "keys", lambda stores: stores.keys.all(), told=lambda every: {"count": len(every)})
    records = [shown(record, now_s) for record in found]
    print(json.dumps(records, indent=2) if as_json else "\n".join(key_lines(records)) or "there are no keys")


@keys.command()
def rotate(
    file: File,
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key still works, such as 1h.")] = "1h",
) -> None:
    """Make a key that takes another's place, with the same rights and the same account, and print it."""
    config, access = configured(file)
    with _told():
        overlap_s = duration("overlap", overlap)

    async def made(stores: Stores) -> Key:
        pepper = await pepper_of(access, stores.keys)
        return await issuing.rotate(stores.keys, pepper, key_id, time.time(), overlap_s)

    told = {"replaces": key_id}
    print(done(config, "key_rotate", made, told=lambda key: {"id": key.id, **told}, undo=_withdraw).text())


@keys.command()
def expire(
    file: File,
    key_id: KeyId,
    within: Annotated[str, typer.Option(help="How long it still works, such as 7d.")],
) -> None:
    """Let a key end after a while, or when it ends anyway if that is sooner."""
    config, _ = configured(file)
    with _told():
        at_s = time.time() + duration("within", within)
    ends = {"id": key_id, "expires": moment(at_s)}
    done(config, "key_expire", lambda stores: issuing.expire(stores.keys, key_id, at_s), told=lambda _: ends)
    print(f"{key_id}: expires {moment(at_s)}")


@keys.command()
def revoke(file: File, key_id: KeyId) -> None:
    """End a key: every gateway refuses it within five seconds."""
    config, _ = configured(file)
    now_s = time.time()
    ended = {"id": key_id, "revoked": moment(now_s)}
    done(config, "key_revoke", lambda stores: issuing.revoke(stores.keys, key_id, now_s), told=lambda _: ended)
    print(f"{key_id}: revoked")


@keys.command()
def budgets(
    file: File,
    tenant: Annotated[str, typer.Option(help="Whose budgets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a tenant and its keys have used and have left of every budget, and what went beyond."""
    config, access = configured(file)
    with _told():
        one_of("tenant", tenant, config.tenants)
    rights, now_us = rights_of(config.tenants, access, config.graph), time.time_ns() // 1000

    async def stated(stores: Stores) -> list[dict[str, Any]]:
        return await statements(rights, tenant, await stores.keys.all(), stores.ledger, now_us)

    found = done(config, "budgets", stated, told=lambda every: {"count": len(every)})
    print(json.dumps(found, indent=2) if as_json else "\n".join(budget_lines(found)) or "there are no budgets")


@contextmanager
def _told() -> Iterator[None]:
    """Say which option is at fault."""
    try:
        yield
    except WishError as error:
        raise typer.BadParameter(error.why, param_hint=f"--{error.field}") from None


async def _withdraw(stores: Stores, key: Key) -> None:
    """End a key that nobody has seen."""
    await issuing.revoke(stores.keys, key.id, time.time())


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _allotment(text: str, option: str) -> Allotment:
    written, problems = parse(text, option)
    if problems:
        raise typer.BadParameter(str(problems[0]), param_hint=option)
    try:
        return Allotment.model_validate(written)
    except ValidationError as error:
        wrong = "; ".join(str(problem_of(line)) for line in error.errors(include_url=False))
        raise typer.BadParameter(wrong, param_hint=option) from None
