"""Opening the page and reading what it shows."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

QUERY = "gift for dad who fishes"


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


def open_page(page, address, **state):
    page.goto(f"{address}/?{urlencode(state, doseq=True)}" if state else f"{address}/")
    if state.get("q"):
        settle(page)


def settle(page):
    """Wait until the last answer is there."""
    page.locator("#results:not([aria-busy]) :is(.card, .notice)").first.wait_for()
    page.locator("#timing:not([hidden]), .notice.error").first.wait_for()


def choose(page, name, value):
    page.locator(f"[name={name}][value={value}]").check()
    settle(page)


def shown(page, part="#results"):
    return page.locator(f"{part} .card").evaluate_all("cards => cards.map(c => c.dataset.id)")


def chips(page):
    return page.locator("#thought button.chip-text").all_inner_texts()


def state_of(page):
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)
