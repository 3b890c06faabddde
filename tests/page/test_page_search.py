"""What a person does on the page, and that it is what the engine answers."""

import re

import pytest
from visits import QUERY, chips, choose, open_page, settle, shown, state_of, visiting

from engine.results import Thought

pytestmark = pytest.mark.browser


def ids(result):
    return [hit.id for hit in result.hits]


def test_direct_hits_come_first_then_the_thought_then_reasoned_hits(page, address, engine):
    page.add_init_script("""
        window.seen = [];
        const note = () => {
            const heading = document.querySelector('#results h2, #results [aria-hidden=true]');
            const now = heading?.tagName === 'H2' ? heading.textContent : 'waiting';
            if (window.seen.at(-1) !== now) window.seen.push(now);
        };
        addEventListener('DOMContentLoaded', () => new MutationObserver(note).observe(
            document.getElementById('results'), { childList: true, subtree: true }));
    """)
    open_page(page, address)
    assert page.locator("#q").evaluate("input => input === document.activeElement")
    page.locator("label", has_text="Always").wait_for(state="hidden")
    page.keyboard.type(QUERY)
    page.keyboard.press("Enter")
    settle(page)
    choose(page, "reason", "always")
    asked = engine.search(QUERY, k=24, reason="always")
    assert shown(page) == ids(asked)
    assert chips(page) == list(asked.thought.keyphrases)
    assert page.evaluate("seen.slice(-3)") == [
        "waiting",
        "Direct results",
        "Results with the thought",
    ]
    assert page.locator("#status").inner_text().startswith("24 reasoned results with the thought")
    assert state_of(page) == {"q": [QUERY], "reason": ["always"]}
    assert "reasoned after" in page.locator("#timing-summary").inner_text()


def test_never_and_auto_are_the_engines(page, address, engine):
    for reason in ("auto", "never"):
        open_page(page, address, q=QUERY, reason=reason)
        asked = engine.search(QUERY, k=24, reason=reason)
        assert shown(page) == ids(asked)
        note = page.locator("#thought .note").inner_text()
        assert note.rstrip(".").lower() == asked.reason_note.lower()
    page.get_by_role("button", name="Reason about it anyway").click()
    settle(page)
    assert shown(page) == ids(engine.search(QUERY, k=24, reason="always"))


def test_a_thought_is_edited_and_searched_with(page, address, engine):
    open_page(page, address, q=QUERY, thought=["steel tent", "led bulb", "garden hose"])
    assert chips(page) == ["steel tent", "led bulb", "garden hose"]
    page.get_by_role("button", name="Remove led bulb").click()
    page.get_by_role("button", name="Edit steel tent").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("waterproof tent")
    page.keyboard.press("Enter")
    page.get_by_label("Add a keyphrase").fill("cordless drill, tackle box")
    page.keyboard.press("Enter")
    wanted = ["waterproof tent", "garden hose", "cordless drill", "tackle box"]
    assert chips(page) == wanted
    assert shown(page) == ids(
        engine.search(QUERY, k=24, thought=Thought(("steel tent", "led bulb", "garden hose")))
    )
    page.get_by_role("button", name="Search again with this thought").click()
    page.wait_for_url("**cordless*")
    settle(page)
    assert state_of(page)["thought"] == wanted
    assert shown(page) == ids(engine.search(QUERY, k=24, thought=Thought(tuple(wanted))))
    page.get_by_role("button", name="Undo changes").wait_for(state="detached")
    page.get_by_role("button", name="Let the model think instead").click()
    settle(page)
    assert state_of(page) == {"q": [QUERY]}


def test_an_empty_thought_stays_one(page, address, engine):
    open_page(page, address, q=QUERY, thought=["steel tent"])
    page.get_by_role("button", name="Remove steel tent").click()
    page.get_by_role("button", name="Search again with this thought").click()
    page.wait_for_url("**thought=")
    settle(page)
    assert chips(page) == []
    assert shown(page) == ids(engine.search(QUERY, k=24, thought=Thought(())))
    page.reload()
    settle(page)
    assert page.locator("#thought h2").inner_text() == "Your thought"


def test_filters_have_counts_and_hold(page, address, engine):
    open_page(page, address, q="tent", reason="never")
    facets = engine.search("tent", reason="never", facets=True).facets
    choices = page.locator("#filters fieldset", has_text="Brand").locator(".choice")
    counted = choices.evaluate_all(
        "rows => rows.map(row => [row.querySelector('.name').textContent,"
        " parseInt(row.querySelector('.count').textContent)])"
    )
    assert counted == [[one.value, one.count] for one in facets.brand]
    for brand in ("O'Neil & Sons", 'Say "Hi"', "back\\slash"):
        page.get_by_role("checkbox", name=brand).check()
        settle(page)
    where = ['brand in ("O\'Neil & Sons", "Say \\"Hi\\"", "back\\\\slash")']
    assert shown(page) == ids(engine.search("tent", k=24, reason="never", where=where))
    page.get_by_role("button", name="Show what is under Tools").click()
    page.get_by_role("checkbox", name="Drills").first.check()
    settle(page)
    where.append('category under "Tools > Drills"')
    assert shown(page) == ids(engine.search("tent", k=24, reason="never", where=where))
    page.get_by_label("Below this price").fill("40")
    page.get_by_role("button", name="Apply prices").click()
    settle(page)
    where.append("price < 40")
    asked = engine.search("tent", k=24, reason="never", where=where)
    assert 0 < len(asked.hits) < 24
    assert shown(page) == ids(asked)
    assert page.locator("#active .chip").count() == 5
    page.get_by_role("button", name="Remove filter Tools › Drills").click()
    settle(page)
    assert shown(page) == ids(
        engine.search("tent", k=24, reason="never", where=[where[0], where[2]])
    )
    page.go_back()
    settle(page)
    assert shown(page) == ids(asked)
    page.get_by_role("button", name="Clear all").click()
    settle(page)
    assert state_of(page) == {"q": ["tent"], "reason": ["never"]}


def test_side_by_side_marks_what_moved(page, address, engine):
    open_page(page, address, q=QUERY, reason="always", view="compare")
    direct = {h.id: h.rank for h in engine.search(QUERY, k=100, reason="never").hits}
    reasoned = engine.search(QUERY, k=100, reason="always").hits[:20]
    assert shown(page, ".column.direct") == list(direct)[:20]
    assert shown(page, ".column.reasoned") == [hit.id for hit in reasoned]
    marks = page.locator(".column.reasoned .badge > [aria-hidden]").all_inner_texts()
    for hit, mark in zip(reasoned, marks, strict=True):
        up = direct.get(hit.id, 0) - hit.rank
        told = "New" if hit.id not in direct else f"▲ {up}" if up > 0 else f"▼ {-up}" if up else "="
        assert mark == told
    page.get_by_role("button", name="Show more").click()
    assert len(shown(page, ".column.reasoned")) == 40
    choose(page, "view", "list")
    assert len(shown(page)) == 24


def test_the_address_holds_the_whole_state(chromium, page, address):
    state = {
        "q": QUERY,
        "brand": ["Makita", 'Say "Hi"'],
        "category": ["Tools"],
        "low": "2",
        "high": "90",
        "thought": ["steel tent", "garden hose"],
        "view": "compare",
    }
    open_page(page, address, **state)
    before = shown(page)
    assert before
    page.reload()
    settle(page)
    assert shown(page) == before
    with visiting(chromium) as other:
        other.goto(page.url)
        settle(other)
        assert shown(other) == before
        assert other.locator("#q").input_value() == QUERY
        assert other.locator("#active .chip").count() == 4
        assert chips(other) == state["thought"]
        assert other.locator("[name=view][value=compare]").is_checked()


def test_more_adds_the_next_page(page, address, engine):
    open_page(page, address, q=QUERY, reason="always")
    page.get_by_role("button", name="Show more").click()
    page.locator(".card").nth(47).wait_for()
    assert state_of(page)["page"] == ["2"]
    assert shown(page) == ids(engine.search(QUERY, k=48, reason="always"))
    before = shown(page)
    page.reload()
    settle(page)
    assert shown(page) == before


def test_a_card_says_why_it_is_there(page, address, engine):
    thought = Thought(("steel tent", "garden hose"))
    open_page(page, address, q="waterproof tent", thought=list(thought.keyphrases))
    card = page.locator(".card").first
    card.get_by_text("Why is this here?").click()
    hit = engine.search("waterproof tent", k=1, thought=thought, explain=True).hits[0]
    told = card.locator(".why-body").inner_text()
    assert len(card.locator("tbody tr").all()) == len(hit.routes)
    for at in hit.routes.values():
        assert re.search(rf"\b{at.rank}\b", told)
    for word in (*hit.explanation.terms, *hit.explanation.thought_terms):
        assert word in told
    phrase, cosine = hit.explanation.keyphrases[0]
    assert f"{phrase}\n{cosine:.2f}" in told


def test_keys_do(page, address):
    open_page(page, address, q="tent", reason="never")
    page.keyboard.press("Tab")
    page.locator("#main").evaluate("main => main.focus()")
    page.keyboard.press("/")
    assert page.locator("#q").evaluate("input => input === document.activeElement")
    page.keyboard.type("steel / drill")
    page.keyboard.press("Enter")
    page.wait_for_url("**drill*")
    settle(page)
    assert state_of(page)["q"] == ["steel / drill"]
    page.get_by_role("button", name="Search", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    settle(page)
    assert state_of(page)["view"] == ["compare"]
    page.locator(".card summary").first.focus()
    page.keyboard.press("Enter")
    page.locator(".why-body").first.wait_for()


def test_it_asks_nobody_else(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, address, q=QUERY, reason="always")
    assert asked
    assert [url for url in asked if not url.startswith(address)] == []
