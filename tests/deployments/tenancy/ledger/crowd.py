"""One process of a crowd that draws on one budget.

``python -m`` with a store, a name, how many callers, how many seconds each lasts at most, and a folder. Each caller
reserves an upper bound, writes ahead what it is about to use, does so, that is writes it to the process's own file, and
settles. Whoever kills the process at any moment finds in the file what was really used.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from deployments.tenancy.ledger.lines import Granted, Quota
from deployments.tenancy.ledger.redis import RedisLedger
from deployments.tenancy.ledger.sqlite import SCHEMA, SqliteLedger
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.stores.redis_server import RedisServer
from deployments.tenancy.stores.sqlite_file import SqliteFile

BUDGET = 8_000
TENANT = 2 * BUDGET
LIMITS = {"key": BUDGET, "tenant": TENANT}
LEASE_US = 10_000_000
PREFIX = "crowd"
STORE_S = 30.0


def now_us() -> int:
    """Return the time that this process goes by."""
    return time.time_ns() // 1000


def opened(where: str) -> tuple[Ledger, SqliteFile | RedisServer]:
    """Open the ledger at a Redis URL or in a file."""
    if where.startswith(("unix://", "redis://")):
        server = RedisServer(where, prefix=PREFIX, within_s=STORE_S)
        return RedisLedger(server), server
    file = SqliteFile(Path(where), SCHEMA, within_s=STORE_S)
    return SqliteLedger(file), file


async def call(ledger: Ledger, hold: str, log: int, rng: random.Random, lasts_s: float) -> None:
    """Be one request: ten units on average at most, five really."""
    most = rng.randint(1, 19)
    used = rng.randint(0, most)
    lines = [Quota(account=account, amount=most, limit=limit) for account, limit in LIMITS.items()]
    if not isinstance(await ledger.reserve(hold, lines, now_us(), LEASE_US), Granted):
        return
    ahead = [Quota(account=line.account, amount=most, sunk=used, limit=line.limit) for line in lines]
    if not isinstance(await ledger.extend(hold, ahead, now_us(), LEASE_US), Granted):
        return
    os.write(log, f"{hold} {used}\n".encode())
    await asyncio.sleep(rng.random() * lasts_s)
    await ledger.settle(hold, {"key": used, "tenant": used}, now_us())


async def main(where: str, name: str, callers: int, lasts_s: float, folder: Path) -> None:
    """Wait for the word, then call all at once."""
    ledger, store = opened(where)
    rng = random.Random(name)
    log = os.open(folder / f"{name}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    (folder / f"{name}.ready").touch()
    while not (folder / f"{name}.go").exists():  # noqa: ASYNC110 - the word comes from another process
        await asyncio.sleep(0.005)
    await asyncio.gather(*(call(ledger, f"{name}/{at}", log, rng, lasts_s) for at in range(callers)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])))
