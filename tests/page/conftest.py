"""The real page of a real service in a real Chromium; skipped where there is none."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from shop import build, products
from tiny_checkpoints import tiny_separate

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
    path = shutil.which("chromium") or shutil.which("chromium-browser")
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


@contextmanager
def visiting(chromium, **options):
    """A page that fails the test where its code fails, or a dialog opens."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def page(chromium):
    with visiting(chromium) as page:
        yield page
