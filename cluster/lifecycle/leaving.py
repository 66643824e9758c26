"""A machine that goes: have its replicas replaced elsewhere, and wait until nobody is answered through it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import ray
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

from cluster.lifecycle.fleet import fleet_status
from cluster.obstacles import CannotServeError

_QUIET_LOOKS = 5  # a gateway reports once a second
_PREEMPTED = 2  # DRAIN_NODE_REASON_PREEMPTION: a machine at work is drained for this reason alone
_ASK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """One machine by Ray's id, the only one of its kind where it is the ``head``; clients connect to ``port``."""

    node: str
    head: bool
    port: int

    def may_go(self) -> bool:
        """Say whether nothing is here any more that somebody waits for; the head goes after all others."""
        if self.head:
            return not any(one["Alive"] and one["NodeID"] != self.node for one in ray.nodes())
        return not replicas_on(_serve(), self.node) and not _connections(self.port)


def leave(address: str, *, port: int, within_s: float, node: str | None = None) -> bool:
    """Wait, at most *within_s*, until a machine may go; say whether nothing is lost when it does.

    It is this one unless *node* is another's id. Serve is told that it is drained: replicas start elsewhere, and those
    here stop when their streams have ended. Where nobody in the whole cluster is being answered there is nothing to
    wait for.
    """
    until_s = time.monotonic() + within_s
    with _connected(address):
        here = node or ray.get_runtime_context().get_node_id()
        leaving = Leaving(node=here, head=_is_head(here), port=port)
        if not leaving.head:
            _drain(here, within_s)
        quiet = 0
        while time.monotonic() < until_s:
            if leaving.may_go():
                return True
            quiet = quiet + 1 if _in_flight() == 0 else 0
            if quiet >= _QUIET_LOOKS:
                return True
            time.sleep(1.0)
    return False


def replicas_on(details: Mapping[str, Any] | None, node: str) -> int:
    """Count Serve's replicas on *node*; where Serve does not answer there may be one."""
    if details is None:
        return 1
    return sum(
        replica.get("node_id") == node
        for application in details["applications"].values()
        for deployment in application.get("deployments", {}).values()
        for replica in deployment["replicas"]
    )


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    try:
        ray.init(address=address, namespace="tercet", log_to_driver=False, logging_level=logging.ERROR)
    except (RuntimeError, ConnectionError, ValueError) as error:
        raise CannotServeError(f"no Ray answers at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _is_head(node: str) -> bool:
    return any(one["NodeID"] == node and "node:__internal_head__" in one["Resources"] for one in ray.nodes())


def _drain(node: str, within_s: float) -> None:
    """Tell Ray that *node* will be gone within the time, and so Serve, which looks for machines that drain.

    Ray refuses for a machine that it drains already: then there is only waiting to be done.
    """
    deadline_ms = int((time.time() + within_s) * 1000)
    client = ray._private.worker.global_worker.gcs_client
    with contextlib.suppress(ray.exceptions.RpcError):
        client.drain_node(node, _PREEMPTED, "the machine goes", deadline_ms)


def _serve() -> Mapping[str, Any] | None:
    try:
        controller = ray.get_actor(SERVE_CONTROLLER_NAME, SERVE_NAMESPACE)
        details: Mapping[str, Any] = ray.get(controller.get_serve_instance_details.remote(), timeout=_ASK_S)
    except (ValueError, ray.exceptions.RayError):
        return None
    return details


def _connections(port: int) -> int:
    """Count the clients that are connected to this machine's proxy."""
    open_ = psutil.net_connections(kind="tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in open_)


def _in_flight() -> int:
    """Count the requests under way in the cluster; an unknown number counts as one."""
    try:
        status = fleet_status()
        return sum(one["in_flight"] or 0 for one in (*status["pools"].values(), *status["elsewhere"].values()))
    except CannotServeError:
        return 1
