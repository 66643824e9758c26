"""``tercet keys``: make API keys, list them, replace them, end them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from cluster.commands.problems_shown import config_or_exit
from cluster.config import Config, grantable
from cluster.document import parse
from cluster.problems import problem_of
from cluster.recorded_command import recorded
from deployments.errors import AuditUnavailable, Misconfigured
from deployments.quantities import seconds
from deployments.strict import nearest
from deployments.tenancy.assembly import Stores, open_stores, pepper_of, rights_of
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.issuing import NoSuchKeyError, Wanted, narrowed
from deployments.tenancy.keys.secret import Key, is_id
from deployments.tenancy.keys.told import moment, shown
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.spec import AccessSpec
from deployments.tenancy.statements import statements
from deployments.tenancy.stores.away import StoreAwayError

Result = TypeVar("Result")
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
    config, access = _configured(file)
    now_s = time.time()
    may = narrowed(_names(models, grantable(config), "--models"), _names(nodes, config.graph, "--nodes"))
    wanted = Wanted(
        tenant=_known(tenant, config.tenants, "--tenant"),
        name=name,
        models=may[0],
        nodes=may[1],
        admin=admin,
        expires_s=None if expires is None else now_s + _seconds(expires, "--expires"),
        limits=None if limits is None else _allotment(limits, "--limits"),
    )

    async def made(stores: Stores) -> Key:
        return await issuing.create(stores.keys, await pepper_of(access, stores.keys), wanted, now_s)

    print(_done(config, "key_create", made, told=lambda key: {"id": key.id}).text())


@keys.command("list")
def listed(file: File, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List every key, never what it opens with."""
    config, _ = _configured(file)
    now_s = time.time()
    found = _done(config, "keys", lambda stores: stores.keys.all(), told=lambda every: {"count": len(every)})
    records = [shown(record, now_s) for record in found]
    print(json.dumps(records, indent=2) if as_json else "\n".join(_table(records)) or "there are no keys")


@keys.command()
def rotate(
    file: File,
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key still works, such as 1h.")] = "1h",
) -> None:
    """Make a key that takes another's place, with the same rights and the same account, and print it."""
    config, access = _configured(file)
    overlap_s = _seconds(overlap, "--overlap")

    async def made(stores: Stores) -> Key:
        pepper = await pepper_of(access, stores.keys)
        return await issuing.rotate(stores.keys, pepper, key_id, time.time(), overlap_s)

    print(_done(config, "key_rotate", made, told=lambda key: {"id": key.id, "replaces": key_id}).text())


@keys.command()
def expire(
    file: File,
    key_id: KeyId,
    within: Annotated[str, typer.Option(help="How long it still works, such as 7d.")],
) -> None:
    """Let a key end after a while, or when it ends anyway if that is sooner."""
    config, _ = _configured(file)
    at_s = time.time() + _seconds(within, "--within")
    ends = {"id": key_id, "expires": moment(at_s)}
    _done(config, "key_expire", lambda stores: issuing.expire(stores.keys, key_id, at_s), told=lambda _: ends)
    print(f"{key_id}: expires {moment(at_s)}")


@keys.command()
def revoke(file: File, key_id: KeyId) -> None:
    """End a key: every gateway refuses it within five seconds."""
    config, _ = _configured(file)
    now_s = time.time()
    ended = {"id": key_id, "revoked": moment(now_s)}
    _done(config, "key_revoke", lambda stores: issuing.revoke(stores.keys, key_id, now_s), told=lambda _: ended)
    print(f"{key_id}: revoked")


@keys.command()
def budgets(
    file: File,
    tenant: Annotated[str, typer.Option(help="Whose budgets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a tenant and its keys have used and have left of every budget, and what went beyond."""
    config, access = _configured(file)
    _known(tenant, config.tenants, "--tenant")
    rights, now_us = rights_of(config.tenants, access, config.graph), time.time_ns() // 1000

    async def stated(stores: Stores) -> list[dict[str, Any]]:
        return await statements(rights, tenant, await stores.keys.all(), stores.ledger, now_us)

    found = _done(config, "budgets", stated, told=lambda every: {"count": len(every)})
    print(json.dumps(found, indent=2) if as_json else "\n".join(map(_state, found)) or "there are no budgets")


def _state(one: Mapping[str, Any]) -> str:
    amounts = "  ".join(f"{name} {one[name]}" for name in ("used", "held", "left", "limit", "overrun"))
    return f"{one['whose']}  {one['of']} {one['period']}".rstrip() + f"  {amounts}"


def _configured(file: Path) -> tuple[Config, AccessSpec]:
    config = config_or_exit(file)
    if config.access is None:
        _exit(f"{file} has no `access`, so there are no keys; add one with a store, as in {{store: {{sqlite: /path}}}}")
    if config.access.open:
        _exit(f"{file} lets everybody in (`access: {{open: true}}`), so there are no keys; give `access` a store")
    return config, config.access


def _done(
    config: Config,
    action: str,
    work: Callable[[Stores], Awaitable[Result]],
    told: Callable[[Result], Mapping[str, Any]],
) -> Result:
    """Return what *work* does with the stores; what is *told* of it is part of the audit trail, where there is one."""

    async def run() -> Result:
        assert config.access is not None  # noqa: S101 - looked at before
        stores = open_stores(config.access.kept)
        try:
            async with recorded(config, action) as record:
                result = await work(stores)
                record.update(told(result))
            return result
        finally:
            await stores.close()

    try:
        return asyncio.run(run())
    except (NoSuchKeyError, StoreAwayError, Misconfigured, AuditUnavailable) as error:
        _exit(str(error))


def _known(name: str, known: Collection[str], option: str) -> str:
    if name not in known:
        raise typer.BadParameter(f"there is no {name!r}; {nearest(name, known)}", param_hint=option)
    return name


def _names(text: str | None, known: Collection[str], option: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(_known(name.strip(), known, option) for name in text.split(",") if name.strip())


def _seconds(text: str, option: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}", param_hint=option) from None


def _allotment(text: str, option: str) -> Allotment:
    written, problems = parse(text, option)
    if problems:
        raise typer.BadParameter(str(problems[0]), param_hint=option)
    try:
        return Allotment.model_validate(written)
    except ValidationError as error:
        wrong = "; ".join(str(problem_of(line)) for line in error.errors(include_url=False))
        raise typer.BadParameter(wrong, param_hint=option) from None


def _table(records: list[dict[str, Any]]) -> Iterator[str]:
    for one in records:
        scopes = " ".join(f"{kind}={_listed(one[kind])}" for kind in ("models", "nodes"))
        ends = "".join(f" {end} {one[end]}" for end in ("expires", "revoked") if one[end])
        admin, name = " admin" if one["admin"] else "", f" ({one['name']})" if one["name"] else ""
        limits = f" limits={json.dumps(one['limits'])}" if one["limits"] is not None else ""
        who = f"{one['id']}  {one['state']:<7}  {one['tenant']}{name}"
        yield f"{who}  {scopes}{admin}{limits}  created {one['created']}{ends}"


def _listed(names: str | list[str]) -> str:
    return names if isinstance(names, str) else ",".join(names) or "none"


def _exit(why: str) -> NoReturn:
    print(f"tercet keys: {why}", file=sys.stderr)
    raise typer.Exit(1) from None
