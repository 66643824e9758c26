"""A replica brings its engine to hold what the configuration declares and what was loaded at run time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployments.adapters import AdapterOrder, AdapterReport
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import Invalid
from deployments.pool.adapters import Adapters
from tests.deployments.adapter_folder import adapter_folder
from tests.deployments.gateway.building import until


class Picky(SyntheticEngine):
    """Refuses adapters by the name of their folder."""

    async def load_adapter(self, name: str, folder: str) -> None:
        if folder.endswith("bad"):
            raise Invalid(f"{name} is bad")
        await super().load_adapter(name, folder)


@pytest.fixture
async def engine() -> AsyncIterator[SyntheticEngine]:
    one = Picky("dense", "dense", "dense#0", SyntheticSpec())
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def adapters() -> AsyncIterator[Adapters]:
    one = Adapters("dense", read=False)
    yield one
    await one.close()


def names(engine: SyntheticEngine) -> tuple[str, ...]:
    return engine.signals().adapters


async def test_all_that_is_known_is_held_before_the_replica_goes_on(
    engine: SyntheticEngine, adapters: Adapters, tmp_path: Path
) -> None:
    """What was ordered while the engine started, and then what is declared."""
    adapters.order({"late": AdapterOrder(path=adapter_folder(tmp_path / "late"), serial=3)})
    adapters.attach(engine)
    assert names(engine) == ()
    await adapters.declare({"adapters": {"legal": "org/legal"}, "adapters_from": [str(tmp_path)]})
    assert names(engine) == ("late", "legal")
    assert set(adapters.reports()) == {AdapterReport(name="late", serial=3), AdapterReport(name="legal", serial=0)}


async def test_orders_are_followed_while_the_replica_serves(
    engine: SyntheticEngine, adapters: Adapters, tmp_path: Path
) -> None:
    """Loaded, replaced under the same name, withdrawn; what is declared stays."""
    adapters.attach(engine)
    await adapters.declare({"adapters": {"legal": "org/legal"}, "adapters_from": [str(tmp_path)]})
    path = adapter_folder(tmp_path / "a")
    for serial in (1, 2):
        adapters.order({"a": AdapterOrder(path=path, serial=serial)})
        report = AdapterReport(name="a", serial=serial)
        await until(lambda: report in adapters.reports())  # noqa: B023 - waited for within the round
        assert names(engine) == ("a", "legal")
    adapters.order({})
    await until(lambda: names(engine) == ("legal",))
    assert adapters.reports() == (AdapterReport(name="legal", serial=0),)


async def test_what_cannot_be_loaded_is_reported_and_harms_nothing(
    engine: SyntheticEngine, adapters: Adapters, tmp_path: Path
) -> None:
    """Outside the allowed folders, not an adapter, or refused by the engine: each with its reason."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "link").parent.mkdir()
    (inside / "link").symlink_to(adapter_folder(outside / "a"))
    (inside / "empty").mkdir()
    adapters.attach(engine)
    await adapters.declare({"adapters": {"legal": "org/legal"}, "adapters_from": [str(inside)]})
    bad = Path(adapter_folder(inside / "bad"))
    places = {"a": outside / "a", "b": inside / "link", "c": inside / "empty", "d": bad}
    adapters.order({name: AdapterOrder(path=str(path), serial=9) for name, path in places.items()})
    await until(lambda: len(adapters.reports()) == 5)
    told = {report.name: report.error for report in adapters.reports() if report.serial == 9}
    assert "adapters_from" in told["a"]
    assert "adapters_from" in told["b"]
    assert "adapter_config.json" in told["c"]
    assert told["d"] == "d is bad"
    assert names(engine) == ("legal",)
    adapters.order({})
    await until(lambda: len(adapters.reports()) == 1)
