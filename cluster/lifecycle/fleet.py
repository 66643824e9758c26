"""What the fleet controller of the cluster that this process is connected to says, and is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.obstacles import CannotServeError
from deployments.answers.orders import By, Forgotten
from deployments.cost.book import Entry


def fleet_status(deadline_s: float = 5.0) -> dict[str, Any]:
    """Return the controller's status.

    Raises CannotServeError when the controller does not answer in time.
    """
    status: dict[str, Any] = _asked("status", deadline_s=deadline_s)
    return status


def fleet_costs(since_hour: int, until_hour: int, deadline_s: float = 30.0) -> list[Entry]:
    """Return what the controller keeps of cost of the hours from *since_hour* until before *until_hour*.

    Raises CannotServeError when it cannot read it, or does not answer in time.
    """
    found: list[Entry] | str = _asked("costs", since_hour, until_hour, deadline_s=deadline_s)
    if isinstance(found, str):
        raise CannotServeError(f"{found}.")
    return found


def steer_canary(node: str, action: str, deadline_s: float = 15.0) -> None:
    """Have a canary held, resumed, promoted, rolled back or restarted.

    Raises CannotServeError when there is no such canary, when it cannot be done now, or when nobody answers in time.
    """
    _ordered("steer_canary", node, action, deadline_s=deadline_s)


def steer_scaling(action: str, fields: Mapping[str, Any], deadline_s: float = 15.0) -> None:
    """Have a proposal approved or rejected, or a pool pinned or unpinned.

    Raises CannotServeError when the controller refuses, or does not answer in time.
    """
    _ordered("steer_scaling", action, dict(fields), deadline_s=deadline_s)


def forget_answers(by: By, name: str, within_s: float = 30.0) -> Forgotten:
    """Have every gateway forget answers, and say which have after *within_s* seconds at most.

    Raises CannotServeError when the controller does not answer in time.
    """
    found: Forgotten = _asked("forget_answers", by, name, within_s, deadline_s=within_s + 15.0)
    return found


def _ordered(method: str, *given: Any, deadline_s: float) -> None:
    refused: str = _asked(method, *given, deadline_s=deadline_s)
    if refused:
        raise CannotServeError(f"{refused}.")


def _asked(method: str, *given: Any, deadline_s: float) -> Any:
    import ray  # noqa: PLC0415

    from cluster.applications.names import CONTROLLER  # noqa: PLC0415

    try:
        controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
        return ray.get(getattr(controller, method).remote(*given), timeout=deadline_s)
    except (ray.exceptions.RayError, ValueError) as error:
        raise CannotServeError(
            "the fleet controller does not answer: it restarts by itself within seconds; try again."
        ) from error
