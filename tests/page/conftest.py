"""The real page of a real service in a real Chromium; skipped where there is none."""

from __future__ import annotations

import shutil

import pytest
from page_shop import build, products
from tiny_checkpoints import tiny_separate
from visits import visiting

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the page is tested with Playwright: pip install 'lrem[test]'"
    )
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("the page is tested in Chromium: apt-get install chromium")
    with playwright.sync_playwright() as library:
        browser = library.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def engine(chromium, tmp_path_factory):
    """A shop whose catalog holds hostile text, behind a tiny checkpoint that reasons."""
    from engine import LREM, Engine

    folder = tmp_path_factory.mktemp("page")
    lrem = LREM.from_pretrained(tiny_separate(folder / "model", trained=True), dtype="float32")
    uri = str(folder / "shop.db")
    build(uri, lrem, products())
    with Engine.open(uri, lrem=lrem) as engine:
        yield engine


@pytest.fixture(scope="session")
def address(engine):
    """Where the service is."""
    from server.serving import serving

    with serving(engine) as address:
        yield address


@pytest.fixture
def page(chromium):
    with visiting(chromium) as page:
        yield page
