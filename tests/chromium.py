"""A headless Chromium, where there is one, and the folder in which its pictures are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PICTURES = Path(__file__).parents[1] / "build/screenshots"


def program() -> str:
    """Return Chromium's path; skips where it is not installed."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium, or set CHROMIUM)")
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    """Start it for the length of the block; the kernel's sandbox is left out, which a container's root cannot have."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install playwright)")
    path = program()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def picture(page: Any, name: str, **more: Any) -> None:
    """Keep what the page looks like now."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    if more.get("full_page"):  # what sticks to the top of the window would stand in the middle
        page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=str(PICTURES / f"{name}.png"), **more)
