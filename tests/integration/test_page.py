"""The operator's page in a real browser, over a real run: traffic, a brown-out, a scale-up and an approval."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.chromium import chromium, picture
from tests.integration.cluster import free_port
from tests.serving import TERCET, Serving, serving

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

TOKEN = "correct-horse-battery-staple"
WITHIN_MS = 60_000
CODE = "Write a Python function that merges two sorted lists, and explain why it is right"


def pool(base_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "family": "dense",
        "source": "synthetic",
        "runtime": "synthetic",
        "synthetic": {"slots": 4, "step": {"base_ms": base_ms}, "start_up": "6s"},
        "slo": {"ttft_p95": "2s"},
        "cost_per_hour": 2.0,
        "max_waiting": 200,
        **more,
    }


def document(admin_port: int, folder: Path, most: int = 2, **autoscale: Any) -> dict[str, Any]:
    return {
        "models": {
            "dense": pool(40, replicas={"min": 1, "max": most}),
            "distilled": pool(4, family="distilled", stands_in_for=["dense"]),
        },
        "graph": {
            "auto": {"switch": [{"when": {"complexity": {"below": 0.35}}, "to": "distilled"}, {"to": "careful"}]},
            "careful": {"fallback": ["spared", "distilled"]},
            "spared": {"brown-out": "dense"},
        },
        "default": "auto",
        "gateway": {"admin": {"port": admin_port, "token_env": "TERCET_ADMIN_TOKEN", "backtests": str(folder)}},
        "autoscale": {"policy": "queue", "mode": "approve", **autoscale},
        "objectives": {"goals": {"answered": {"share": "99.5%"}, "quick": {"share": "95%", "first_token": "1s"}}},
    }


class Crowd:
    """Clients that go on asking until they are told to stop."""

    def __init__(self, url: str, clients: int, model: str, prompt: str) -> None:
        self._url, self._body = (
            url,
            {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 20},
        )
        self._over = threading.Event()
        self._clients = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Crowd:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join(timeout=30)

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._over.is_set():
                with contextlib.suppress(httpx.HTTPError):  # a client that waited in vain asks again
                    client.post(f"{self._url}/v1/chat/completions", json=self._body)
                time.sleep(0.05)


class Watched:
    """A run, where its operators look, and a browser."""

    def __init__(self, one: Serving, port: int, browser: Any, folder: Path) -> None:
        self.folder = folder
        self.one, self.port, self.url, self._browser = one, port, f"http://127.0.0.1:{port}/ui", browser

    def apply(self, config: dict[str, Any]) -> None:
        """Change the run to *config*."""
        self.one.file.write_text(yaml.safe_dump(config))
        command = [TERCET, "apply", str(self.one.file), "--port", str(self.one.port), "--wait", "60"]
        subprocess.run(command, capture_output=True, timeout=120, check=True)

    def open(self, *, width: int = 1280, height: int = 900, **more: Any) -> Any:
        """Return a page of somebody who has just come."""
        page = self._browser.new_context(viewport={"width": width, "height": height}, **more).new_page()
        page.set_default_timeout(WITHIN_MS)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.goto(self.url)
        return page

    def signed_in(self, **more: Any) -> Any:
        """Return a page that shows what happens."""
        page = self.open(**more)
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("#state[data-level=ok]")
        page.wait_for_selector(".pool .replica[data-stage=ready]")
        return page


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    port, folder = free_port(), tmp_path_factory.mktemp("backtests")
    run = document(port, folder), tmp_path_factory.mktemp("page")
    with (
        chromium() as browser,
        serving(*run, ready_within_s=120, env={"TERCET_ADMIN_TOKEN": TOKEN}) as one,
    ):
        yield Watched(one, port, browser, folder)


def test_a_wrong_token_opens_nothing(watched: Watched) -> None:
    """It is said what is wrong, and nothing of the token stays."""
    page = watched.open()
    page.fill("#token", "not-the-token-at-all")
    page.keyboard.press("Enter")
    page.wait_for_selector("#refused:not(:empty)")
    assert "admin token" in page.inner_text("#refused")
    assert page.evaluate("sessionStorage.length") == 0
    assert "not-the-token" not in page.url
    picture(page, "refused")


def test_a_gateway_that_turns_the_page_away_is_heard(watched: Watched) -> None:
    """Its words are shown, and it is asked again."""
    page = watched.open()
    told = json.dumps({"error": {"message": "16 pages watch already; close one"}})
    page.route("**/admin/live", lambda route: route.fulfill(status=503, body=told, content_type="application/json"))
    page.fill("#token", TOKEN)
    page.keyboard.press("Enter")
    page.locator("#state[data-level=bad]", has_text="16 pages watch already").wait_for()
    page.unroute("**/admin/live")
    page.wait_for_selector("#state[data-level=ok]")


def test_nothing_is_left_after_signing_out(watched: Watched) -> None:
    """Neither the token, nor what was asked, answered or shown."""
    page = watched.signed_in()
    page.fill("#ask-prompt", "Something that is nobody's business")
    page.click("#ask button[type=submit]")
    page.wait_for_selector("#answer[data-level=ok]")
    page.click("#sign-out")
    page.wait_for_selector("#sign-in")
    assert page.evaluate("sessionStorage.length") == 0
    assert page.input_value("#ask-prompt") == ""
    assert [page.text_content(part) for part in ("#answer", "#path", "#tenants", "#pool-list")] == [""] * 4


def test_traffic_shows_on_the_graph(watched: Watched) -> None:
    """On the edges that it goes over, with its latency; and nothing that the policy of the page forbids."""
    page = watched.signed_in(color_scheme="light")
    with Crowd(watched.one.url, 3, "auto", CODE):
        page.wait_for_selector('.edge[data-level=ok][aria-label^="spared → dense:"]')
        page.wait_for_selector('.edge[data-level=ok][aria-label^="careful → spared:"][aria-label*="/s"]')
        page.locator("#edges tr").nth(2).wait_for(state="attached")
        picture(page, "graph")
    idle = page.get_attribute('.edge[aria-label^="careful → distilled"]', "data-level")
    assert idle == "idle"
    assert page.faults == []


def test_a_request_of_the_page_streams_and_shows_its_way(watched: Watched) -> None:
    """From the node that was chosen."""
    page = watched.signed_in()
    page.select_option("#ask-node", "careful")
    page.fill("#ask-prompt", "Tell me something")
    page.click("#ask button[type=submit]")
    page.wait_for_selector("#answer[data-level=ok]")
    assert page.locator("#path li").all_inner_texts() == ["careful", "spared", "dense"]
    assert len(page.inner_text("#answer")) > 20
    assert page.locator(".node.on-path").count() == 3
    picture(page, "playground", full_page=True)


def test_the_newest_backtest_is_shown(watched: Watched) -> None:
    """As a table, and drawn by what each policy pays and misses."""
    rows = [("sla", "policy", 0.9991, 1.07), ("keda", "peer", 0.991, 1.4), ("OPT99.9", "foresight", 0.999, 1.0)]
    told = [
        {"name": name, "kind": kind, "over_optimum": paid, "figures": {"slo": slo, "replica_hours": 9, "starts": 3}}
        for name, kind, slo, paid in rows
    ]
    (watched.folder / "week.json").write_text(json.dumps({"trace": "a week", "period": "", "rows": told}))
    page = watched.signed_in()
    page.wait_for_selector("#backtest tr.policy")
    assert page.locator("#backtest tr.policy td").all_inner_texts() == ["sla", "99.91%", "× 1.07", "9", "3"]
    assert page.locator("#backtest circle").count() == len(rows)


def test_an_operator_approves_and_the_pool_grows(watched: Watched) -> None:
    """What waits is shown with its reason; after the word the start is watched until the replica is ready."""
    page = watched.signed_in(color_scheme="light")
    with Crowd(watched.one.url, 10, "dense", CODE):
        page.wait_for_selector(".proposal .approve")
        assert "1 → 2" in page.inner_text(".proposal .what")
        assert page.inner_text(".proposal .reason")
        picture(page, "proposal", full_page=True)
        page.click(".proposal .approve")
        page.wait_for_selector(".proposal", state="detached")
        pool = page.locator('.pool[aria-label="dense"]')
        starting = pool.locator(".replica:not([data-stage=ready])").first
        starting.wait_for()
        picture(page, "starting", full_page=True)
        pool.locator(".replica[data-stage=ready]").nth(1).wait_for()
        picture(page, "grown", full_page=True)
    assert page.faults == []


def test_it_speaks_chinese_and_remembers(watched: Watched) -> None:
    """Everywhere, what is drawn included."""
    page = watched.signed_in(color_scheme="dark")
    page.select_option("#language", "zh")
    page.locator("#graph-name", has_text="路由图").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"
    assert "客户端" in page.text_content("#drawing .client")
    picture(page, "chinese-dark", full_page=True)
    page.reload()
    page.wait_for_selector("#state[data-level=ok]")
    assert page.inner_text("#pools-name") == "引擎池"


def brightness(page: Any) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(float(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")[:3]) / 3


def test_dark_is_what_the_system_says_unless_somebody_chose(watched: Watched) -> None:
    """And the choice outlives the page."""
    page = watched.open(color_scheme="dark")
    page.wait_for_selector("#sign-in")
    assert brightness(page) < 60
    page.select_option("#theme", "light")
    assert brightness(page) > 200
    page.reload()
    page.wait_for_selector("#sign-in")
    assert brightness(page) > 200


def test_everything_is_reached_by_the_keyboard(watched: Watched) -> None:
    """One stop for the whole graph, whose parts the arrows go through; what has the focus can be seen."""
    page = watched.signed_in()
    page.reload()
    page.wait_for_selector(".pool .replica[data-stage=ready]")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('class') || ''"))
        if reached[-1] == "ask-prompt":
            break
    assert {"language", "theme", "sign-out", "ask-node", "ask-prompt"} <= set(reached), reached
    assert sum(one.startswith(("node", "edge")) for one in reached) == 1, reached
    page.focus("#drawing [tabindex='0']")
    page.keyboard.press("ArrowRight")
    chosen = page.inner_text("#chosen strong")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#chosen strong") != chosen
    assert page.evaluate("getComputedStyle(document.querySelector('#theme')).outlineStyle") == "none"
    page.focus("#theme")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_is_wide_enough(watched: Watched, language: str) -> None:
    """At 375 pixels nothing makes the page scroll sideways; what is wider scrolls in its own place."""
    page = watched.signed_in(width=375, height=812)
    page.select_option("#language", language)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    cut = page.evaluate(
        """() => [...document.querySelectorAll('button, select, h2, h3, .tile b')]
        .filter((node) => node.offsetParent && !node.closest('.scrolls, .graph-frame, nav'))
        .map((node) => [node.textContent, node.getBoundingClientRect()])
        .filter(([, at]) => at.right > innerWidth + 1 || at.left < -1)
        .map(([text]) => text)"""
    )
    assert cut == []
    picture(page, f"phone-{language}", full_page=True)


def test_a_brown_out_is_seen_while_it_lasts(watched: Watched) -> None:
    """In a run that now acts by itself, which the page that is open is told of."""
    page = watched.signed_in(color_scheme="dark")
    spent = {"daily_share": "100%"}
    watched.apply(document(watched.port, watched.folder, most=3, mode="active", brown_out=spent))
    dense = page.locator('.pool[aria-label="dense"]')
    dense.locator(".size", has_text="1 to 3").wait_for()
    # What a pool can spare is known once it has answered something.
    with Crowd(watched.one.url, 2, "distilled", "hi"), Crowd(watched.one.url, 32, "careful", CODE):
        dense.locator(".badge", has_text="brown-out").wait_for()
        page.wait_for_selector('.edge[data-level=ok][aria-label^="spared → distilled:"]')
        picture(page, "brown-out-dark", full_page=True)
    assert page.faults == []
