"""Remote models on hosts that the gateway may not call, and those where tenants meet."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.config import Config
from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.remote.spec import RemoteSpec, refusal
from deployments.tenancy.standings import standing_of


def uncallable(parts: Parts) -> Iterator[Problem]:
    """Find remote models whose host the configuration does not name as one to call."""
    if not parts.sound("gateway", "remote_hosts"):
        return
    gateway = parts.raw.get("gateway")
    allowed = gateway.get("remote_hosts") if isinstance(gateway, dict) else None
    for name, model in parts.remotes.items():
        loc = ("models", name, "url")
        if parts.sound(*loc) and (rule := refusal(model.url, tuple(allowed or ()))) is not None:
            yield Problem(path=path_of(loc), message=f"{shown(model.url)} {rule}", value=model.url)


def meeting(config: Config) -> Iterator[str]:
    """Say which remote models' servers may tell a tenant, by time and counts, what others have lately asked them."""
    for name, model in config.models.items():
        if isinstance(model, RemoteSpec) and not model.salt and len(_apart(config)) > 1:
            yield (
                f"{path_of(('models', name))}: tenants share what its server remembers of prompts; where that is a "
                "vLLM or a Tercet, salt: true keeps them apart"
            )


def _apart(config: Config) -> set[str]:
    """Return the groups of tenants that share prefixes, of those whose requests may leave."""
    standings = (standing_of(tenant, config.tenants) for tenant in config.tenants)
    return {standing.prefixes for standing in standings if not standing.stays_local}
