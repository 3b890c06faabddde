"""Themes, widths, hostile texts, empty and failing answers, and what axe-core says of them."""

import threading
from importlib.resources import files
from urllib.parse import urlencode

import pytest
from page_shop import HOSTILE, SCRIPTS
from visits import QUERY, open_page, settle, shown, state_of, visiting

pytestmark = pytest.mark.browser

STATES = {
    "start": {},
    "list": {"q": QUERY, "reason": "always", "brand": "Makita"},
    "compare": {"q": QUERY, "reason": "always", "view": "compare"},
    "hostile": {"q": HOSTILE, "reason": "never"},
    "empty": {"q": QUERY, "brand": "None such"},
    "error": {"q": QUERY, "brand": "x" * 3000},
}


def findings(page):
    """What axe-core finds serious or critical."""
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document)")["violations"]
    return [
        (one["id"], one["help"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "width", "names"),
    [
        ("light", 1280, ["start", "list", "compare", "hostile", "empty", "error"]),
        ("dark", 1280, ["start", "list", "compare", "error"]),
        ("light", 390, ["start", "list", "compare"]),
    ],
)
def test_axe_finds_nothing_serious(chromium, address, scheme, width, names):
    pytest.importorskip("axe_playwright_python", reason="pip install 'lrem[test]'")
    viewport = {"width": width, "height": 900}
    with visiting(chromium, color_scheme=scheme, viewport=viewport) as page:
        for name in names:
            open_page(page, address, **STATES[name])
            if name == "list":
                page.locator(".card summary").first.click()
                page.locator("#timing summary").click()
                if width < 500:
                    page.get_by_role("button", name="Filters").click()
            assert findings(page) == [], name


def test_dark_is_the_systems_until_someone_chooses(chromium, address):
    ground = "getComputedStyle(document.body).backgroundColor"
    with visiting(chromium, color_scheme="light") as page:
        open_page(page, address)
        light = page.evaluate(ground)
    with visiting(chromium, color_scheme="dark") as page:
        open_page(page, address)
        dark = page.evaluate(ground)
        assert dark != light
        button = page.get_by_role("button", name="Dark mode")
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert page.evaluate(ground) == light
        page.reload()
        assert page.evaluate(ground) == light
        assert button.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("view", ["list", "compare"])
def test_a_phone_shows_it_all(chromium, address, view):
    with visiting(chromium, viewport={"width": 360, "height": 740}) as page:
        open_page(page, address, q=HOSTILE, reason="always", view=view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert not page.locator("#filters").is_visible()
        toggle = page.get_by_role("button", name="Filters")
        toggle.click()
        assert toggle.get_attribute("aria-expanded") == "true"
        page.get_by_role("checkbox", name="Makita").check()
        settle(page)
        assert state_of(page)["brand"] == ["Makita"]
        assert page.get_by_role("button", name="Filters (1)").is_visible()


@pytest.mark.parametrize("view", ["list", "compare"])
def test_hostile_texts_stay_texts(page, address, view):
    open_page(page, address, q=HOSTILE, reason="always", view=view, thought=SCRIPTS)
    for script in SCRIPTS:
        assert page.get_by_role("heading", name=f"{HOSTILE} {script}").first.is_visible()
        assert page.get_by_role("button", name=f"Edit {script}").is_visible()
    page.locator(".card summary").evaluate_all("all => all.forEach(one => one.click())")
    page.locator(".why-body").last.wait_for()
    assert page.locator("script").count() == 1
    assert page.locator("svg[onload], img[onerror], #results svg").count() == 0
    for link in page.locator("#results a").all():
        assert link.get_attribute("href").startswith("https://shop.example/")
    assert page.locator("#results a").count() >= 1
    for image in page.locator("#results img").all():
        assert image.get_attribute("src").startswith("https://")


def test_hostile_filters_and_queries_stay_texts(page, address):
    for script in SCRIPTS:
        open_page(
            page, address, q=script, brand=script, category=f"{script} > {script}", reason="never"
        )
        assert page.locator("#q").input_value() == script
        assert shown(page) == [f"{HOSTILE}-{SCRIPTS.index(script)}-{script}"]
        assert page.locator("#active .chip-text").all_inner_texts()[1] == script
        page.get_by_role("button", name=f"Remove filter {script}", exact=True).click()
        settle(page)
        assert page.locator("script").count() == 1
    page.goto(f"{address}/?{urlencode({'q': 'x', 'low': '1 or 1==1', 'page': '<b>', 'view': 'x'})}")
    settle(page)
    assert page.locator("#active .chip").count() == 0


def test_nothing_found_shows_the_way_back(page, address):
    open_page(page, address, q="tent", brand="None such")
    assert page.get_by_role("heading", name="No product passes these filters").is_visible()
    page.get_by_role("button", name="Clear all filters").click()
    settle(page)
    assert len(shown(page)) == 24


def test_a_problem_is_shown_with_its_remedy(page, address):
    open_page(page, address, q="tent", brand="x" * 3000)
    notice = page.locator(".notice.error")
    assert "2000" in notice.inner_text()
    assert notice.get_by_role("button", name="Try again").is_visible()
    assert page.locator("#status").inner_text() != ""


def test_a_thought_that_came_too_late_is_said(chromium, engine):
    from server.serving import serving

    with serving(engine, deadline_ms=1) as address, visiting(chromium) as page:
        open_page(page, address, q=QUERY, reason="always")
        assert page.get_by_text("The thought was not ready in time.").is_visible()
        assert len(shown(page)) == 24


def test_a_service_that_is_gone_is_said(chromium, engine):
    from server.serving import serving

    with visiting(chromium) as page:
        with serving(engine) as address:
            open_page(page, address, q="tent", reason="never")
        page.locator("[name=reason][value=auto]").check()
        page.locator(".notice.error").wait_for()
        assert "does not answer" in page.locator(".notice.error").inner_text()


def test_a_key_is_asked_for_and_kept_for_the_tab(chromium, engine):
    from server.serving import serving

    with serving(engine, keys=("open sesame",)) as address, visiting(chromium) as page:
        page.goto(f"{address}/?q=tent&reason=never")
        for key, told in (("wrong", ""), ("open sesame", "not accepted")):
            page.get_by_role("dialog").wait_for()
            assert told in page.locator("#key-problem").inner_text()
            page.get_by_role("textbox", name="API key").fill(key)
            page.keyboard.press("Enter")
        settle(page)
        assert len(shown(page)) == 24
        page.reload()
        settle(page)
        assert len(shown(page)) == 24
        with visiting(chromium) as other:
            other.goto(page.url)
            other.get_by_role("button", name="Cancel").click()
            other.locator(".notice.error").wait_for()


def test_a_full_service_says_when_to_come_back(chromium, engine):
    import httpx
    from server.serving import serving

    with serving(engine, queue=1) as address, visiting(chromium) as page:
        stop = threading.Event()

        def crowd(name):
            number = 0
            with httpx.Client(base_url=address) as client:
                while not stop.is_set():
                    number += 1
                    query = {"q": f"{name} {number}", "reason": "always"}
                    client.get("/v1/search", params=query)

        threads = [threading.Thread(target=crowd, args=(n,)) for n in "abc"]
        for thread in threads:
            thread.start()
        try:
            page.goto(f"{address}/?q=tent&reason=never")
            for _ in range(30):
                settle(page)
                if page.locator(".notice.error").count():
                    break
                page.reload()
            assert "Try again in" in page.locator(".notice.error p").inner_text()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        page.get_by_role("button", name="Try again").click()
        page.locator(".card").first.wait_for()
        assert len(shown(page)) == 24
