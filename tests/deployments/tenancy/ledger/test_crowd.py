"""Ten thousand requests at once from several processes, two of which are killed: the budget holds to the unit."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from deployments.tenancy.ledger.lines import Granted, Quota, Refused
from tests.deployments.tenancy.ledger.crowd import BUDGET, LEASE_US, TENANT, now_us, opened

ROOT = Path(__file__).parents[4]
# Callers of each process and how long they last at most, in seconds: a victim settles nothing before it is killed.
SURVIVORS = {f"survivor {at}": (2_500, 0.5) for at in range(4)}
VICTIMS = {f"victim {at}": (100, 600.0) for at in range(2)}
SEEN = 10
WITHIN_S = 40.0


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_a_crowd_ends_exactly_within_its_budget(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was really used is never more than the budget, all of it that is left can still be had, and no more."""
    where = str(tmp_path / "ledger.sqlite") if store == "sqlite" else request.getfixturevalue("redis_url")
    crowd = {**SURVIVORS, **VICTIMS}
    processes = {name: _started(where, name, *how, tmp_path) for name, how in crowd.items()}
    try:
        _wait(lambda: all((tmp_path / f"{name}.ready").exists() for name in processes))
        # The victims are well under way when the others come, and are killed among them.
        _go(tmp_path, VICTIMS)
        _wait(lambda: all(len(_used(tmp_path, name)) >= SEEN for name in VICTIMS))
        _go(tmp_path, SURVIVORS)
        _wait(lambda: sum(len(_used(tmp_path, name)) for name in SURVIVORS) >= SEEN)
        for name in VICTIMS:
            processes[name].kill()
        codes = {name: process.wait(WITHIN_S) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    assert codes == {**dict.fromkeys(SURVIVORS, 0), **dict.fromkeys(VICTIMS, -signal.SIGKILL)}
    await _balanced(where, sum(sum(_used(tmp_path, name)) for name in processes))


async def _balanced(where: str, really_used: int) -> None:
    ledger, opened_store = opened(where)
    later = now_us() + LEASE_US
    key, tenant = await ledger.statement("key", later), await ledger.statement("tenant", later)
    assert key == tenant
    assert (key.reserved, key.overrun) == (0, 0)
    assert really_used <= key.settled <= BUDGET
    left = BUDGET - key.settled
    assert key.settled > BUDGET / 4, "the crowd was too small for its budget"
    lines = [Quota(account="key", amount=left, limit=BUDGET), Quota(account="tenant", amount=left, limit=TENANT)]
    assert isinstance(await ledger.reserve("the rest", lines, later, LEASE_US), Granted)
    assert (await ledger.settle("the rest", {"key": left, "tenant": left}, later)).overrun == {}
    one = [Quota(account="key", amount=1, limit=BUDGET)]
    assert isinstance(await ledger.reserve("one more", one, later, LEASE_US), Refused)
    assert (await ledger.statement("key", later)).settled == BUDGET
    await opened_store.close()


def _started(where: str, name: str, callers: int, lasts_s: float, folder: Path) -> subprocess.Popen[bytes]:
    module = "tests.deployments.tenancy.ledger.crowd"
    how = [where, name, str(callers), str(lasts_s), str(folder)]
    return subprocess.Popen([sys.executable, "-m", module, *how], cwd=ROOT)


def _used(folder: Path, name: str) -> list[int]:
    lines = (folder / f"{name}.log").read_text().splitlines(keepends=True)
    return [int(line.split()[-1]) for line in lines if line.endswith("\n")]


def _go(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / f"{name}.go").touch()


def _wait(until: Callable[[], bool]) -> None:
    by_s = time.monotonic() + WITHIN_S
    while not until():
        assert time.monotonic() < by_s
        time.sleep(0.005)
