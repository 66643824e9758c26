"""A whole gateway in a process of its own: ``python -m ... PORT FOLDER``.

FOLDER/settings.json is what it is told, FOLDER/engines tells where each pool's engine listens. It does all that a
gateway does under Ray Serve, but for what a fleet controller tells it: nothing is scaled.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import uvicorn
import uvloop

from deployments.collection import collect_seldom
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.pool.links import Links
from deployments.pool.transport import PoolTransport
from deployments.signals import FleetView, PoolState, ReplicaPlace
from deployments.switching import switch_often
from deployments.telemetry.logs import configure


def view(folder: Path) -> FleetView:
    """Return what a controller would tell of the engines in *folder*."""
    places = {file.stem: msgspec.json.decode(file.read_bytes(), type=ReplicaPlace) for file in folder.glob("*.json")}
    states = {
        pool: PoolState(ready=1, target=1, starting=0, replicas=(place,)) for pool, place in sorted(places.items())
    }
    return FleetView(at_s=0.0, pools=states)


async def serve(port: int, folder: Path) -> None:
    """Serve until the process is told to end."""
    configure(sys.stderr)
    collect_seldom()
    switch_often()
    settings = GatewaySettings.model_validate_json((folder / "settings.json").read_bytes())
    fleet, links = view(folder / "engines"), Links()
    links.follow(fleet)
    transport = PoolTransport(lambda: fleet, links)
    state = folder / f"gateway-{port}"
    gateway = Gateway(
        settings, transport, name=state.name, fleet=lambda: fleet, answers=state / "answers", audit=folder / "audit"
    )
    config = uvicorn.Config(
        build_app(gateway, keys=True),
        host="127.0.0.1", port=port, loop="uvloop", http="httptools", lifespan="off", access_log=False,
        log_level="warning", backlog=4096,
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        await links.close()
        await gateway.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))  # as Ray's workers do
