"""New settings of the answer cache while requests go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.errors import Misconfigured
from deployments.gateway.gateway import Gateway
from tests.deployments.answers.making import KEY, NOON_S
from tests.deployments.gateway.building import fleet, settings, until
from tests.deployments.scripted import Scripted

WORDLESS = {"auto": {"guard": "dense", "input": [{"words_file": "/nowhere/words"}]}}


def cached(folder: Path, **more: Any) -> Any:
    return settings(cache={"disk": {"folder": str(folder)}}, **more)


async def test_settings_that_are_refused_leave_the_cache_in_use(tmp_path: Path) -> None:
    """It is open, and it is the one that the graph has."""
    served = Gateway(cached(tmp_path / "one"), Scripted({}), name="g1", fleet=fleet)
    before = served.answers
    await before.find(KEY, NOON_S)
    with pytest.raises(Misconfigured, match="nowhere"):
        served.reconfigure(cached(tmp_path / "two", graph=WORDLESS))
    assert served.answers is before
    assert not served._closing
    await served.close()


async def test_a_cache_is_closed_when_another_is_in_use(tmp_path: Path) -> None:
    """Also where there is no room for more work beside the requests."""
    served = Gateway(cached(tmp_path / "one"), Scripted({}), name="g1", fleet=fleet)
    served._background._limit = 0
    before = served.answers
    await before.find(KEY, NOON_S)
    served.reconfigure(cached(tmp_path / "two"))
    assert served.answers is not before
    await until(lambda: before._store._reader._closed)  # type: ignore[union-attr]
    await served.close()
