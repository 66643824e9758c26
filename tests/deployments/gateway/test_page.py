"""The operator's page is small and speaks both languages; what it shows and does is for operators alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.cost.book import Entry
from deployments.errors import Rejected
from deployments.gateway.admin_server import AdminServer
from deployments.gateway.admin_settings import AdminSettings
from deployments.gateway.app import build_admin_app, build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.page_files import page_files
from deployments.gateway.watching import Watching, page_feed
from deployments.page.feed import MOST_LISTENERS
from tests.deployments.gateway.building import ask, gateway, listening_on, until
from tests.deployments.scripted import Scripted

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}
DRAWING = {
    "size": [300, 80],
    "boxes": [
        {"name": "dense", "title": "dense", "kind": "dense pool", "group": "model", "corner": [0, 0], "size": [9, 9]}
    ],
    "arrows": [{"start": "", "end": "dense", "points": [[0, 0], [9, 9]]}],
}
MOST_BYTES = 300_000


@dataclass
class Fleet:
    """A controller that says what the test wants said."""

    told: dict[str, Any] = field(default_factory=lambda: {"mode": "approve", "pools": {}, "decisions": []})
    fault: str = ""
    unreadable: str = ""

    async def status(self) -> Mapping[str, Any]:
        if self.fault:
            raise Rejected(self.fault)
        return self.told

    async def costs(self, since_hour: int, until_hour: int) -> list[Entry]:
        assert until_hour - since_hour == 24
        if self.unreadable:
            raise Rejected(self.unreadable)
        return []


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return made(monkeypatch)


def made(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> Gateway:
    monkeypatch.setenv("TERCET_TEST_TOKEN", TOKEN)
    settings = {
        "models": {"dense": {"family": "dense"}}, "graph": {"auto": {"fallback": ["dense"]}}, "default": "auto",
        "drawing": DRAWING, "admin": {"token_env": "TERCET_TEST_TOKEN"}, **changed,
    }  # fmt: skip
    return gateway(Scripted({"dense": [b'data: {"choices": []}\n\n']}), **settings)


def client(served: Gateway, fleet: Fleet | None = None) -> httpx.AsyncClient:
    app = build_app(served, feed=page_feed(served, fleet or Fleet()))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")


@asynccontextmanager
async def watched(served: Gateway, fleet: Fleet) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Watch over a real socket, which a stream without an end needs."""
    async with (
        listening_on(build_app(served, feed=page_feed(served, fleet))) as calls,
        calls.stream("GET", "/admin/live", headers=BEARER) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events(response)


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def test_the_page_is_there_for_anybody_and_holds_nothing(served: Gateway) -> None:
    """Every file that it names is there, and nothing of it may come from elsewhere or be written into it."""
    async with client(served) as calls:
        page = await calls.get("/ui")
        names = set(re.findall(r'(?:src|href)="(?!#)([^"]+)"', page.text))
        found = [await calls.get(f"/{name}") for name in sorted(names)]
        # A client mends "/ui/../x" itself before it asks.
        missing = [await calls.get(f"/ui/{name}") for name in ("..%2fsettings.py", "%2e%2e%2fpage_files.py", "none.js")]
    assert page.status_code == 200
    assert names
    assert all(name.startswith("ui/") for name in names)
    assert all(one.status_code == 200 for one in found)
    assert all(one.status_code == 404 for one in missing)
    for answer in (page, *found):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_browser_that_has_a_file_is_not_sent_it_again(served: Gateway) -> None:
    """By its tag."""
    async with client(served) as calls:
        first = await calls.get("/ui/app.js")
        again = await calls.get("/ui/app.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_the_page_is_small() -> None:
    """All of it together."""
    assert sum(len(file.content) for file in page_files().values()) <= MOST_BYTES


def test_the_page_needs_nothing_from_elsewhere_and_writes_no_markup() -> None:
    """Neither an address of another server, nor a handler in the markup, nor text that is read as markup."""
    for name, file in page_files().items():
        text = file.content.decode().replace("http://www.w3.org/", "")
        assert not re.search(r"https?://", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )
    markup = page_files()["index.html"].content.decode()
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", markup)


def test_both_languages_say_the_same() -> None:
    """Word by word, with the same places for figures, and everything that the page asks for."""
    english, chinese = (json.loads(page_files()[f"{one}.json"].content) for one in ("en", "zh"))
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key
    everything = "".join(file.content.decode() for file in page_files().values())
    asked = set(re.findall(r'\bt\("([\w-]+)"|data-t="([\w-]+)"', everything))
    assert {one or other for one, other in asked} <= english.keys()


async def test_it_is_not_where_the_admin_routes_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a port of operators it is there, and not at the gateway's own."""
    served = made(monkeypatch, admin={"token_env": "TERCET_TEST_TOKEN", "port": 9999})
    inside = httpx.ASGITransport(app=build_admin_app(served, feed=page_feed(served, Fleet())))
    async with client(served) as calls, httpx.AsyncClient(transport=inside, base_url="http://admin") as operators:
        assert (await calls.get("/ui")).status_code == 403
        assert (await calls.get("/admin/live", headers=BEARER)).status_code == 403
        assert (await operators.get("/ui")).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
async def test_nobody_else_sees_or_sends_anything(served: Gateway, headers: dict[str, str]) -> None:
    """Neither what happens, nor a report, nor a request of its own."""
    async with client(served) as calls:
        for path in ("/admin/live", "/admin/backtest"):
            assert (await calls.get(path, headers=headers)).status_code == 401
        assert (await calls.post("/admin/play", json=ask(), headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["live", "play"])
async def test_who_is_refused_is_in_the_log(served: Gateway, caplog: pytest.LogCaptureFixture, path: str) -> None:
    """With what it wanted, and without what it came with."""
    async with client(served) as calls:
        method = "GET" if path == "live" else "POST"
        await calls.request(method, f"/admin/{path}", headers={"authorization": "Bearer guess-of-somebody"})
    told = [(one.levelname, getattr(one, "fields", {})) for one in caplog.records if one.getMessage() == "admin"]
    assert [(level, one["action"], one["outcome"]) for level, one in told] == [("WARNING", path, "unauthorized")]
    assert all(one["request_id"] for _, one in told)
    assert "guess-of-somebody" not in caplog.text + str(told)


async def test_what_happens_is_told_as_it_happens(served: Gateway) -> None:
    """First how the graph is drawn, then what goes over it."""
    async with client(served) as calls, watched(served, Fleet()) as told:
        name, graph = await anext(told)
        assert (name, graph["nodes"], graph["default"]) == ("graph", ["auto", "dense"], "auto")
        assert graph["drawing"]["arrows"][0]["end"] == "dense"
        assert (await anext(told))[0] == "snapshot"
        for _ in range(3):
            await calls.post("/v1/chat/completions", json=ask())
        async with asyncio.timeout(20):
            async for _, snapshot in told:
                edges = {(one["node"], one["target"]): one for one in snapshot["edges"]}
                if edges.get(("auto", "dense"), {"total": 0})["total"] == 3:
                    break
        assert edges["", "auto"]["rate"] > 0
        assert edges["auto", "dense"]["p95_s"] is not None
        assert (snapshot["fleet"]["mode"], snapshot["fault"], snapshot["costs"]["tenants"]) == ("approve", "", [])


async def test_new_settings_are_drawn_anew(served: Gateway) -> None:
    """Without asking again."""
    async with watched(served, Fleet()) as told:
        await anext(told)
        served.reconfigure(served.live.settings.model_copy(update={"default": "dense"}))
        async with asyncio.timeout(20):
            drawn = await anext(graph async for name, graph in told if name == "graph")
        assert drawn["default"] == "dense"


async def test_a_silent_controller_is_told_and_nothing_ends(served: Gateway) -> None:
    """What the gateway itself knows goes on."""
    async with watched(served, Fleet(fault="the fleet controller does not answer")) as told:
        await anext(told)
        _, snapshot = await anext(told)
    assert (snapshot["fleet"], snapshot["fault"]) == (None, "the fleet controller does not answer")
    assert snapshot["gateway"]["name"] == "test"


async def test_why_nothing_is_known_of_costs_is_told(served: Gateway) -> None:
    """The rest is as ever."""
    snapshot = json.loads(await Watching(served, Fleet(unreadable="the book cannot be read")).snapshot())
    assert (snapshot["costs"]["tenants"], snapshot["costs"]["fault"]) == ([], "the book cannot be read")
    assert snapshot["fault"] == ""


async def test_gateways_that_are_not_heard_in_time_cost_nothing_else(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is told."""

    async def never(_: str, node: str = "") -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr("deployments.gateway.watching.WITHIN_S", 0.01)
    monkeypatch.setattr(served.exposition, "siblings", never)
    snapshot = json.loads(await Watching(served, Fleet()).snapshot())
    assert (snapshot["fleet"]["mode"], snapshot["edges"]) == ("approve", [])


async def test_a_request_is_sent_as_any_client_s_and_says_its_way(served: Gateway) -> None:
    """To any node."""
    async with client(served) as calls:
        for model, path in (("auto", "auto>dense"), ("dense", "dense")):
            answer = await calls.post("/admin/play", json=ask(model=model, stream=True), headers=BEARER)
            assert (answer.status_code, answer.headers["x-tercet-path"]) == (200, path)
        assert (await calls.post("/admin/play", json=ask(model="none"), headers=BEARER)).status_code == 404


async def test_where_keys_are_known_the_token_opens_no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A request is some tenant's, and needs its key."""
    store = {"sqlite": str(tmp_path / "keys.sqlite"), "timeout": 2}
    served = made(monkeypatch, access={"store": store}, tenants={"shop": {}})
    try:
        transport = httpx.ASGITransport(app=build_app(served, feed=page_feed(served, Fleet()), keys=True))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as calls:
            key = (await calls.post("/admin/keys", json={"tenant": "shop"}, headers=BEARER)).json()["key"]
            without = await calls.post("/admin/play", json=ask(), headers=BEARER)
            known = await calls.post("/admin/play", json=ask(), headers={**BEARER, "x-tercet-key": key})
    finally:
        await served.close()
    assert (without.status_code, known.status_code) == (401, 200)


def report(name: str, trace: str) -> dict[str, Any]:
    row = {
        "name": name,
        "kind": "policy",
        "figures": {"slo": 0.999, "replica_hours": 2.5, "starts": 3},
        "over_optimum": 1.1,
    }
    return {"trace": trace, "period": "(days 1 to 2)", "rows": [row], "more": "that nobody asks for"}


async def test_the_newest_backtest_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As far as it is one."""
    served = made(monkeypatch, admin={"token_env": "TERCET_TEST_TOKEN", "backtests": str(tmp_path)})
    async with client(served) as calls:

        async def shown() -> dict[str, Any]:
            told: dict[str, Any] = (await calls.get("/admin/backtest", headers=BEARER)).json()
            return told

        assert await shown() == {"report": None, "fault": ""}
        for at, name in enumerate(("old", "new")):
            file = tmp_path / f"{name}.json"
            file.write_text(json.dumps(report("sla", name)))
            os.utime(file, (1000 + at, 1000 + at))
        told = (await shown())["report"]
        assert (told["name"], told["at_s"]) == ("new (days 1 to 2)", 1001.0)
        assert told["rows"] == [
            {"name": "sla", "kind": "policy", "slo": 0.999, "ratio": 1.1, "replica_hours": 2.5, "starts": 3.0}
        ]
        (tmp_path / "being-written.json").touch()
        os.mkfifo(tmp_path / "pipe.json")
        async with asyncio.timeout(10):
            assert (await shown())["report"] == told
        (tmp_path / "newest.json").write_text("[1, 2]")
        assert "newest.json: is no report" in (await shown())["fault"]


async def test_so_many_may_watch_and_whoever_leaves_makes_room(served: Gateway) -> None:
    """One more is told so, before anything else."""
    feed = page_feed(served, Fleet())
    async with listening_on(build_app(served, feed=feed)) as calls:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(MOST_LISTENERS):
                await stack.enter_async_context(calls.stream("GET", "/admin/live", headers=BEARER))
            await until(lambda: feed.listeners == MOST_LISTENERS)
            refused = await calls.get("/admin/live", headers=BEARER)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "rejected")
        await until(lambda: feed.listeners == 0)


async def test_who_takes_nothing_loses_its_place(served: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has it from before the first byte, and for seconds at most."""
    monkeypatch.setattr("deployments.gateway.page_admin.WRITE_S", 0.2)
    feed, sent = page_feed(served, Fleet()), list[int]()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(feed.listeners)
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    headers = [(name.encode(), value.encode()) for name, value in BEARER.items()]
    scope = {
        "type": "http", "method": "GET", "path": "/admin/live", "query_string": b"", "headers": headers
    }  # fmt: skip
    async with asyncio.timeout(20):
        await build_app(served, feed=feed)(scope, receive, send)
    assert (sent, feed.listeners) == ([1, 1], 0)


async def test_who_watches_a_gateway_that_ends_does_not_hold_it_up(served: Gateway) -> None:
    """Nobody may begin to watch it then."""
    feed = page_feed(served, Fleet())
    async with (
        listening_on(build_app(served, feed=feed)) as calls,
        calls.stream("GET", "/admin/live", headers=BEARER) as response,
    ):
        told = events(response)
        await anext(told)
        served.reconfigure(served.live.settings.model_copy(update={"draining": True}))
        feed.end()
        async with asyncio.timeout(10):
            assert [name async for name, _ in told if name != "snapshot"] == []
        refused = await calls.get("/admin/live", headers=BEARER)
    assert (refused.status_code, refused.json()["error"]["message"]) == (503, "this gateway is shutting down")
    assert feed.listeners == 0


async def test_the_port_closes_although_somebody_watches(served: Gateway) -> None:
    """Within seconds, and the work that was done for them ends."""
    feed = page_feed(served, Fleet())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    operators = AdminServer(build_admin_app(served, feed=feed), leave=feed.end)
    await operators.follow(AdminSettings(port=port))
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as calls,
        calls.stream("GET", "/admin/live", headers=BEARER) as response,
    ):
        await anext(events(response))
        assert feed.listeners == 1
        async with asyncio.timeout(10):
            await operators.close()
            await until(lambda: feed.listeners == 0)
