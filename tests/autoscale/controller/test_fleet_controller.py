"""The controller's loops in one process, over a memory of the cluster that a test can take away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoscale.controller import fleet_controller, remembered
from autoscale.controller.fleet_controller import FleetController
from deployments.canary import CanaryReport, Counts, Rule
from deployments.cost.book import entries
from deployments.cost.lines import Sums
from deployments.cost.spending import Spending
from deployments.signals import GatewaySignals
from tests.autoscale.builders import replica_signals

POOL = {"name": "dense", "application": "a", "deployment": "d", "min_replicas": 1, "max_replicas": 3}


class ClusterMemory:
    """What the cluster keeps, by part; *away* ones cannot be written."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away: set[str] = set()

    def put(self, key: str, value: str, *, overwrite: bool, namespace: str) -> None:
        """Keep one part."""
        if key in self.away:
            raise ConnectionError(f"{key} is away")
        self.kept[key] = value.encode()

    def get(self, key: str, *, namespace: str) -> bytes | None:
        """Return one part."""
        return self.kept.get(key)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ClusterMemory:
    """Stand in for Ray, whose Serve gives answers that cannot be read."""
    found = ClusterMemory()

    async def unreadable(*_: Any) -> None:
        raise KeyError("applications")

    async def uncounted(*_: Any) -> None:
        return None

    monkeypatch.setattr(remembered, "_internal_kv_put", found.put)
    monkeypatch.setattr(remembered, "_internal_kv_get", found.get)
    monkeypatch.setattr(remembered, "_key", lambda part="configuration": part)
    monkeypatch.setattr(fleet_controller, "log_to_stderr", lambda: None)
    monkeypatch.setattr(fleet_controller, "read_served", unreadable)
    monkeypatch.setattr(fleet_controller, "read_machines", uncounted)
    return found


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is written by a thread
            await asyncio.sleep(0.02)


async def test_canaries_go_on_while_nothing_can_be_decided(memory: ClusterMemory) -> None:
    """One that must be rolled back does not wait for Serve; how far it has come is kept."""
    controller = FleetController()
    await controller.configure([POOL], {"interval": 0.1})
    rule = Rule(stages=(0.1, 1.0), hold_each_s=60.0, min_requests=10)
    report = CanaryReport(id="c0", node="auto", rule=rule, counts=Counts())
    await controller.report_gateway(GatewaySignals(gateway="g0", at_s=time.time(), pools={}, canaries=(report,)))
    await eventually(lambda: "canaries" in memory.kept and "c0" in json.loads(memory.kept["canaries"]))


async def test_an_order_that_could_not_be_kept_is_kept_later(memory: ClusterMemory) -> None:
    """Whoever gave it hears of the failure; it stands all the same, and must outlive the process."""
    controller = FleetController()
    await controller.configure([POOL], {"interval": 0.1})
    memory.away = {"steering"}
    with pytest.raises(ConnectionError, match="steering is away"):
        await controller.steer_scaling("pin", {"pool": "dense", "replicas": 2, "for_s": 600, "why": "a test"})
    memory.away = set()
    await eventually(lambda: json.loads(memory.kept.get("steering", b"{}")).get("pins", {}) != {})
    assert json.loads(memory.kept["steering"])["pins"]["dense"]["replicas"] == 2


async def test_an_adapter_order_that_could_not_be_kept_is_kept_later(memory: ClusterMemory) -> None:
    """Whoever gave it hears of the failure; replicas follow it all the same, those of a restarted controller too."""
    controller = FleetController()
    await controller.configure([POOL], {"interval": 0.1})
    memory.away = {"adapters"}
    with pytest.raises(ConnectionError, match="adapters is away"):
        await controller.load_adapter("dense", "sql", "/adapters/sql", within_s=0.1)
    memory.away = set()
    await eventually(lambda: "dense" in json.loads(memory.kept.get("adapters", b"{}")))
    ordered = await FleetController().report_replica(replica_signals())
    assert ordered == await controller.report_replica(replica_signals())
    assert ordered["sql"].path == "/adapters/sql"


async def test_a_withdrawal_that_could_not_be_kept_is_kept_later(memory: ClusterMemory) -> None:
    """What was written before must not come back with a restart."""
    controller = FleetController()
    await controller.configure([POOL], {"interval": 0.1})
    await controller.load_adapter("dense", "sql", "/adapters/sql", within_s=0.1)
    memory.away = {"adapters"}
    with pytest.raises(ConnectionError, match="adapters is away"):
        await controller.unload_adapter("dense", "sql", within_s=0.1)
    memory.away = set()
    await eventually(lambda: json.loads(memory.kept["adapters"]) == {})
    assert await FleetController().report_replica(replica_signals()) == {}


async def test_costs_are_written_once_over_a_restart(memory: ClusterMemory, tmp_path: Path) -> None:
    """A controller that was not told where still knows; what the one before has written is not written again."""
    first, spending, file = FleetController(), Spending("dense#1"), tmp_path / "costs.sqlite"
    await first.configure([POOL], {"interval": 0.1})
    await first.keep_costs({"file": str(file), "keep_hours": 24, "pools": {"dense": {"cpus": 2.0}}})
    spending.add("used", "dense", Sums(calls=1, seconds=1.5), model="dense", tenant="blue")
    statement = spending.statement()
    assert await first.report_spending(statement) == statement.number
    restarted = FleetController()
    assert await restarted.report_spending(statement) == statement.number
    assert [(one.sums.seconds, one.cpu_seconds) for one in entries(file, 0, 10**6)] == [(1.5, 3.0)]
    assert (await restarted.status())["costs"] == ""
    assert await restarted.costs(0, 10**6) == list(entries(file, 0, 10**6))
    file.unlink()
    assert "there is no such file" in str(await restarted.costs(0, 10**6))


async def test_answers_are_forgotten_once_every_gateway_has_said_so(memory: ClusterMemory) -> None:
    """Each is told until it has; a restarted controller tells one that comes later."""
    controller = FleetController()
    await controller.configure([POOL], {"interval": 0.1})

    async def report(gateway: str, forgotten: int, to: FleetController = controller) -> tuple[int, ...]:
        told = await to.report_gateway(GatewaySignals(gateway=gateway, at_s=0.0, pools={}, forgotten=forgotten))
        return tuple(one.number for one in told.forgettings)

    assert [await report(name, 0) for name in ("g0", "g1")] == [(), ()]
    asked = asyncio.create_task(controller.forget_answers("tenant", "acme", 10.0))
    await eventually(lambda: "forgettings" in memory.kept)
    (number,) = await report("g0", 0)
    assert await report("g0", number) == ()
    late = await controller.forget_answers("tenant", "acme", 0.0)
    assert (late.done, late.waiting, asked.done()) == ((), ("g0", "g1"), False)
    (last,) = await report("g1", number)
    assert [await report(name, last) for name in ("g0", "g1")] == [(), ()]
    assert (await asked).done == ("g0", "g1")
    assert await report("g2", 0, FleetController()) == (last,)
