"""A machine that goes: have its replicas replaced elsewhere, and wait until nobody is answered through it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

import psutil
import ray

from cluster.lifecycle.fleet import fleet_status
from cluster.obstacles import CannotServeError

_REPLICA = "ray::ServeReplica:"
_QUIET_LOOKS = 5  # a gateway reports once a second
_CONNECT_S = 30


def leave(address: str, *, port: int, within_s: float) -> bool:
    """Wait, at most *within_s*, until this machine may go; say whether nothing is lost when it does.

    Serve is told that the machine is drained: it starts replicas elsewhere and then stops those here, whose streams
    finish. The head waits for all other machines. Where nobody in the whole cluster is being answered, there is
    nothing to wait for. *port* is the one that clients connect to.
    """
    until_s = time.monotonic() + within_s
    with _connected(address):
        here = ray.get_runtime_context().get_node_id()
        head = _is_head(here)
        if not head:
            _drain(here, within_s)
        quiet = 0
        while time.monotonic() < until_s:
            if _may_go(here, port, head=head):
                return True
            quiet = quiet + 1 if _in_flight() == 0 else 0
            if quiet >= _QUIET_LOOKS:
                return True
            time.sleep(1.0)
    return False


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
    """Tell Ray that *node* will be gone within the time, and so Serve, which looks for nodes that drain."""
    deadline_ms = int((time.time() + within_s) * 1000)
    client = ray._private.worker.global_worker.gcs_client
    preempted = 2  # DRAIN_NODE_REASON_PREEMPTION: a node that is not idle is drained for this reason alone
    accepted, why = client.drain_node(node, preempted, "the machine goes", deadline_ms)
    if not accepted:
        raise CannotServeError(f"Ray does not drain this machine: {why}")


def _may_go(here: str, port: int, *, head: bool) -> bool:
    if head:
        return not any(one["Alive"] and one["NodeID"] != here for one in ray.nodes())
    return not _replicas() and not _connections(port)


def _replicas() -> int:
    """Count the replicas of this container; their processes are named for what they are."""
    return sum(_named(process).startswith(_REPLICA) for process in psutil.process_iter())


def _named(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


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
