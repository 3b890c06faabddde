"""Take the pictures of the page that the README shows: make screenshots.

    python docs/screenshots.py ./lrem.db

It serves the collection ``products`` of a store with ``lrem serve`` and needs Chromium and
Playwright (``pip install playwright``).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode
from urllib.request import urlopen

from playwright.sync_api import Browser, ViewportSize, sync_playwright

FOLDER = Path(__file__).parent
QUERY = "gift for dad who fishes"
ASKED = {"q": QUERY, "reason": "always"}
DESKTOP: ViewportSize = {"width": 1280, "height": 920}
PHONE: ViewportSize = {"width": 390, "height": 844}
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main(store: str) -> None:
    """Serve a store and write light.png, dark.png, side-by-side.png and mobile.png."""
    lrem = str(Path(sys.executable).with_name("lrem"))
    command = [lrem, "serve", "--uri", store, "--port", "0", "--no-cache"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        try:
            if service.stderr is None:
                raise AssertionError("stderr is a pipe")
            said = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in service.stderr)
            address = next(found.group() for found in said if found)
            urlopen(
                f"{address}/v1/search?{urlencode({**ASKED, 'explain': 'true'})}"
            ).close()  # warm
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=CHROMIUM
                )
                take(browser, address, "light", ASKED, DESKTOP, "light", why=True)
                take(browser, address, "dark", {**ASKED, "high": "50"}, DESKTOP, "dark")
                take(
                    browser, address, "side-by-side", {**ASKED, "view": "compare"}, DESKTOP, "light"
                )
                take(browser, address, "mobile", ASKED, PHONE, "light")
        finally:
            service.terminate()


def take(
    browser: Browser,
    address: str,
    name: str,
    state: Mapping[str, str],
    viewport: ViewportSize,
    scheme: Literal["light", "dark"],
    why: bool = False,
) -> None:
    """Open the page in a state, wait for the last answer, and write a picture.

    Args:
        browser: Chromium.
        address: Of the service.
        name: Of the picture.
        state: As the page's address has it.
        viewport: Width and height.
        scheme: light or dark.
        why: Open the explanation of the second product.
    """
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.goto(f"{address}/?{urlencode(state)}")
    page.locator("#timing:not([hidden])").wait_for()
    if why:
        page.locator(".card summary").nth(1).click()
    page.locator("h1").click(force=True)  # out of the search box
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
    page.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./lrem.db")
