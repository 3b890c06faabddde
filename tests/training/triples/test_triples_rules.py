"""From a teacher's answer to a CoT: each rule, and what holds of all of them together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import TrainingError
from training.triples.brands import Brands, catalog_brands
from training.triples.rules import (
    FORBIDDEN,
    Rules,
    after_reasoning,
    clean,
    drop_duplicates,
    drop_forbidden,
    drop_long,
    drop_other_brands,
    drop_overlaps,
    read_forbidden,
    split,
)
from training.triples.words import singular, words

BRANDS = Brands([("bosch",), ("makita",), ("black", "decker"), ("black",)])


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("rod and reel combo, tackle box", ["rod and reel combo", "tackle box"]),
        ("1. Rod\n2) Reel;lure kit | net", ["Rod", "Reel", "lure kit", "net"]),
        ("- **rod**\n* `reel`\n• net.", ["rod", "reel", "net"]),
        ("Keyphrases: \"rod\", “reel”, 'net'", ["rod", "reel", "net"]),
        ("Here are the key phrases: rod, reel", ["rod", "reel"]),
        ("1,000 lb strap, 12,5 cm", ["1000 lb strap", "12", "5 cm"]),
        ("2.5 inch enclosure, 3 m rope", ["2.5 inch enclosure", "3 m rope"]),
        ('27" monitor, 3/4" pipe', ['27" monitor', '3/4" pipe']),
        ("men's boots, rock 'n' roll", ["men's boots", "rock 'n' roll"]),
        ("<think></think>rod, reel<emb>", ["rod", "reel"]),
        (" , ,—, ...", []),
        ("", []),
        ("Angelrute, 钓竿，釣り", ["Angelrute", "钓竿", "釣り"]),
    ],
)
def test_split(text, phrases):
    assert split(text) == phrases


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("a, b", "a, b"),
        ("<think>x, y</think> a, b", " a, b"),
        ("x, y</think>a", "a"),
        ("<think>cut off, in the mid", ""),
        ("<think>1</think><think>2</think>a", "a"),
    ],
)
def test_what_a_reasoning_model_thinks_is_not_its_answer(answer, said):
    assert after_reasoning(answer) == said


def test_long_phrases_are_dropped():
    assert drop_long(["a b c", "a b c d", "a"], 3) == ["a b c", "a"]


def test_forbidden_phrases_are_dropped_whole_only():
    forbidden = {words("free shipping"), words("Product")}
    phrases = ["Free Shipping", "products", "free shipping label", "product display"]
    assert drop_forbidden(phrases, forbidden) == ["free shipping label", "product display"]


def test_phrases_that_bring_no_word_are_dropped():
    phrases = ["gifts for dads", "dad", "fishing gift", "for the", "Fishes for Dad", "dad hat"]
    assert drop_overlaps(phrases, "Gift for dad who fishes") == ["fishing gift", "dad hat"]


def test_duplicates_are_dropped_whatever_case_and_number():
    phrases = ["Lure kit", "lure kits", "LURE-KIT", "battery", "Batteries", "kit lure"]
    assert drop_duplicates(phrases) == ["Lure kit", "LURE-KIT", "battery", "kit lure"]


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ("bosch drill", {("bosch",)}),
        ("cordless drill Bosch or Makita", {("bosch",), ("makita",)}),
        ("drill by black decker", {("black", "decker")}),
        ("battery for bosch", set()),
        ("drill like makita", set()),
        ("anything but not Bosch", set()),
        ("makita drill alternatives", set()),
        ("bosch dupe", set()),
        ("something similar to makita but cheaper", set()),
        ("bosch charger for makita", {("bosch",)}),
        ("drill", set()),
        ("", set()),
    ],
)
def test_brands_that_a_query_targets(query, targets):
    assert BRANDS.targets(query) == targets


def test_other_brands_are_dropped_where_the_query_targets_one():
    phrases = ["impact driver", "Makita drill", "BOSCH bits", "Bosch and Makita set"]
    kept = drop_other_brands(phrases, BRANDS.targets("bosch drill"), BRANDS)
    assert kept == ["impact driver", "BOSCH bits"]
    assert drop_other_brands(phrases, BRANDS.targets("drill"), BRANDS) == phrases
    cot, counts = clean(", ".join(phrases), "bosch tool", None, Rules(brands=BRANDS))
    assert cot == ("impact driver", "BOSCH bits")
    assert counts["another brand"] == 2
    # A shopper who wants an alternative wants another brand.
    cot, _ = clean(", ".join(phrases), "bosch tool", "alternative", Rules(brands=BRANDS))
    assert len(cot) == 4


def test_brands_that_are_ordinary_words_are_none():
    products = [
        *[("Apple", f"Apple phone {n}") for n in range(3)],
        *[("Case Co", "Case for Apple phone")] * 9,
        ("Orange", "Orange phone"),
        *[("Peeler", "orange peeler")] * 2,
        (None, "nameless orange"),
        ("7", "seven 7"),
        ("3M", "tape"),
        ("", "blank"),
    ]
    brands = catalog_brands(products)
    assert brands.named("apple") == {("apple",)}
    assert brands.named("Case Co orange 7 3m") == {("case", "co"), ("3m",)}
    assert len(catalog_brands([])) == 0


def test_own_list_of_forbidden_phrases(tmp_path):
    file = tmp_path / "forbidden.txt"
    file.write_text("\ufeffGuns\n\n  hunting Knives \n", encoding="utf-8")
    assert read_forbidden(file) == {("gun",), ("hunting", "knive")}
    assert drop_forbidden(["gun", "Hunting knives", "gun safe"], read_forbidden(file)) == [
        "gun safe"
    ]
    for content in (b" \n", b"\xff\xfe\x00"):
        file.write_bytes(content)
        with pytest.raises(TrainingError, match=r"forbidden\.txt"):
            read_forbidden(file)
    with pytest.raises(TrainingError, match=r"gone\.txt"):
        read_forbidden(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("word", "one"),
    [
        ("rods", "rod"),
        ("batteries", "battery"),
        ("brushes", "brush"),
        ("boxes", "box"),
        ("glasses", "glass"),
        ("glass", "glass"),
        ("bus", "bus"),
        ("tennis", "tennis"),
        ("gas", "gas"),
        ("ties", "tie"),
        ("4x4s", "4x4s"),
    ],
)
def test_singular(word, one):
    assert singular(word) == one


WORD = st.sampled_from(
    [
        *("rod", "Rods", "reel", "box", "boxes", "for", "Bosch", "makita", "dad", "product"),
        *("1,000", "2.5", "café", "钓竿", "kit，net"),
    ]
)
PHRASE = st.lists(WORD, max_size=8).map(" ".join)
DECORATED = st.tuples(
    st.sampled_from(["", "- ", "1. ", "**", '"', "“", "Keywords: ", "> "]),
    PHRASE,
    st.sampled_from(["", ".", "**", '"', "”", " !"]),
).map("".join)
ANSWER = st.lists(DECORATED, max_size=14).map(", ".join) | st.text(max_size=80)


@settings(max_examples=150, deadline=None)
@given(ANSWER, PHRASE, st.sampled_from([None, "qa", "alternative"]), st.integers(1, 9))
def test_a_clean_cot(answer, query, kind, cap):
    rules = Rules(brands=BRANDS, max_phrases=cap)
    cot, counts = clean(answer, query, kind, rules)
    assert counts["phrases"] - (counts.total() - counts["phrases"]) == len(cot) <= cap
    found = split(after_reasoning(answer))
    assert [phrase for phrase in found if phrase in cot][: len(cot)] or not cot
    assert set(cot) <= set(found)
    assert len({words(phrase) for phrase in cot}) == len(cot)
    for phrase in cot:
        assert "," not in phrase
        assert phrase == " ".join(phrase.split())
        assert len(phrase.split()) <= rules.max_words
        assert words(phrase) not in rules.forbidden
        assert not set(words(phrase)) <= set(words(query))
        if kind != "alternative" and (targets := BRANDS.targets(query)):
            assert BRANDS.named(phrase) <= targets
    # A clean CoT stays as it is, however often it goes through.
    assert clean(", ".join(cot), query, kind, rules)[0] == cot


def test_the_forbidden_phrases_are_distinct_and_of_words():
    assert len({words(phrase) for phrase in FORBIDDEN}) == len(FORBIDDEN)
    assert all(words(phrase) for phrase in FORBIDDEN)
