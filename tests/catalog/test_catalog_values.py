"""What a row must be to be a product: every field, every reason for a rejection."""

import json
import typing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog import Reason

GOOD = {"id": "good", "title": "Fine"}


@pytest.fixture
def product(text_file, products):
    """The product of a row."""

    def read(**row):
        return products(text_file("a.jsonl", json.dumps({"id": "1", "title": "Rod", **row})))[0]

    return read


@pytest.fixture
def reject(text_file, rejected):
    """The reject of a row, after a good one."""

    def read(**row):
        text = "\n".join(map(json.dumps, (GOOD, {"id": "1", "title": "Rod", **row})))
        (found,) = rejected(text_file("a.jsonl", text))
        assert (found["row"], found["line"], found["file"][-7:]) == (2, 2, "a.jsonl")
        return found

    return read


REJECTS = [
    ("id", None, "missing_id"),
    ("id", "  ", "missing_id"),
    ("id", True, "wrong_type"),
    ("id", 1.5, "wrong_type"),
    ("id", 2.0**60, "wrong_type"),
    ("id", ["1"], "wrong_type"),
    ("id", "é" * 257, "too_long"),
    ("id", "a\tb", "control_characters"),
    ("title", None, "missing_title"),
    ("title", "\n \t", "missing_title"),
    ("title", {"en": "Rod"}, "wrong_type"),
    ("title", "Rod\x00", "control_characters"),
    ("title", "\x1b[31mRod", "control_characters"),
    ("title", "x" * 2001, "too_long"),
    ("brand", ["Orvis"], "wrong_type"),
    ("brand", "Or\x07vis", "control_characters"),
    ("category", 1.5, "wrong_type"),
    ("category", [1, 2], "wrong_type"),
    ("description", "é" * 30_001, "too_long"),
    ("description", "bell \x07", "control_characters"),
    ("price", float("nan"), "bad_price"),
    ("price", float("inf"), "bad_price"),
    ("price", -1, "bad_price"),
    ("price", "-$1.00", "bad_price"),
    ("price", "NaN", "bad_price"),
    ("price", "call us", "bad_price"),
    ("price", 10**400, "bad_price"),
    ("price", True, "wrong_type"),
    ("price", [1], "wrong_type"),
    ("price", "1.299", "ambiguous_price"),
    ("attributes", "red and round", "bad_attributes"),
    ("attributes", "{red", "bad_attributes"),
    ("attributes", [{"color": "red"}], "bad_attributes"),
    ("attributes", {"": "red"}, "bad_attributes"),
    ("attributes", {"color": "r\x01d"}, "control_characters"),
    ("attributes", 5, "wrong_type"),
    ("stock", 2**70, "bad_metadata"),
]


@pytest.mark.parametrize(("column", "value", "reason"), REJECTS)
def test_rejects_name_reason_column_and_value(reject, column, value, reason):
    found = reject(**{column: value})
    assert (found["reason"], found["column"]) == (reason, column)
    assert found["id"] == (None if column == "id" else "1")
    assert len(found["value"]) <= 200
    assert found["detail"]
    assert len(found["raw"]) <= 2000


def test_attributes_and_metadata_together_are_limited(product, reject):
    found = reject(attributes={"a": "x" * 30_000}, notes="y" * 30_000)
    assert (found["reason"], found["column"]) == ("too_large", None)
    assert product(attributes={"a": "x" * 29_000}, notes="y" * 30_000)


def test_bytes_are_no_metadata(tmp_path, rejected):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["a", "b"], "raw": [b"x", None]}), path)
    (found,) = rejected(path)
    assert (found["reason"], found["column"], found["id"]) == ("bad_metadata", "raw", "1")


def test_every_reason_has_its_test():
    covered = {reason for *_, reason in REJECTS} | {
        "too_large",
        "duplicate_id",  # below
        "broken_row",  # with the formats
        "bad_encoding",
    }
    assert covered == set(typing.get_args(Reason))


def test_duplicate_of_a_rejected_row_is_no_duplicate(text_file, products, rejected):
    rows = [{"id": 1, "title": ""}, {"id": " 1 ", "title": "a"}, {"id": "1", "title": "b"}]
    source = text_file("a.jsonl", "\n".join(map(json.dumps, rows)))
    assert [found.title for found in products(source)] == ["a"]
    found = [(r["reason"], r["row"], r["id"]) for r in rejected(source)]
    assert found == [("missing_title", 1, "1"), ("duplicate_id", 3, "1")]


@pytest.mark.parametrize(
    ("value", "id_"), [(1001, "1001"), (1001.0, "1001"), (" A-1 ", "A-1"), ("001", "001"), (0, "0")]
)
def test_ids_are_text(product, value, id_):
    assert product(id=value).id == id_


def test_longest_texts(product):
    found = product(id="é" * 256, title="x" * 2000, description="é" * 30_000)
    assert (len(found.id), len(found.title), len(found.description)) == (256, 2000, 30_000)


def test_titles_are_one_line_and_else_left_alone(product):
    title = "  <b>Fish &amp;\n\tChips</b>\u00a0\u200f עברית 🎣 ASAP\x99 "
    assert product(title=title).title == "<b>Fish &amp; Chips</b> \u200f עברית 🎣 ASAP\x99"


def test_absent_values_are_none(product):
    found = product(brand="", category=[], description=" ", price="", url=None, attributes="")
    assert found == product()


@pytest.mark.parametrize(
    ("value", "category"),
    [
        ("Sports", "Sports"),
        ("Sports>Fishing >> Rods", "Sports > Fishing > Rods"),
        ("Sports|Fishing| Rods", "Sports > Fishing > Rods"),
        ("Sports/Fishing/Rods", "Sports > Fishing > Rods"),
        ("/Sports/Fishing", "Sports > Fishing"),
        ("Audio/Video", "Audio/Video"),
        ("TV/Audio > Sets/Parts/All", "TV/Audio > Sets/Parts/All"),
        (["Sports", " Fishing", None, ""], "Sports > Fishing"),
        ('["Sports", "Fishing"]', "Sports > Fishing"),
        ("[Sale] Rods", "[Sale] Rods"),
        ([["Sports", "Fishing"], ["Gifts"]], "Sports > Fishing"),
        (["Sports > Fishing", "Gifts > Men"], "Sports > Fishing"),
        (" > ", None),
        (42, "42"),
    ],
)
def test_categories_are_paths(product, value, category):
    assert product(category=value).category == category


@pytest.mark.parametrize(
    "value",
    [
        {"color": "red", "length": 7, "old": None},
        [{"name": "color", "value": "red"}, {"name": "length", "value": 7}],
        [{"key": "color", "value": "red"}, {"key": "length", "value": "7"}],
        [["color", "red"], ["length", 7]],
        ["color: red", "length: 7"],
        '{"color": "red", "length": 7}',
        '[{"name": "color", "value": "red"}, {"name": "length", "value": 7}]',
        "color: red; length: 7",
        " color:red;\nlength :  7;",
    ],
    ids=str,
)
def test_attributes_in_every_shape(product, value):
    assert product(attributes=value).attributes == {"color": "red", "length": "7"}


def test_attribute_values(product):
    found = product(
        attributes={
            "ok": True,
            "in": ["a", "b"],
            "size": {"w": 1, "h": 2},
            "n": float("nan"),
            "x": " ",
        }
    )
    assert found.attributes == {"ok": "true", "in": "a, b", "size": "w: 1, h: 2"}
    found = product(attributes="use: rivers; lakes; time: 8:30; use: sea")
    assert found.attributes == {"use": "rivers; lakes, sea", "time": "8:30"}


def test_other_fields(product):
    found = product(
        currency="usd",
        url=" https://x.org/a ",
        image=["https://x.org/1", "b"],
        description=["One.", "Two."],
        brand=501,
        store={"n": [1, None, float("nan")]},
    )
    assert (found.currency, found.url, found.image_url) == (
        "USD",
        "https://x.org/a",
        "https://x.org/1",
    )
    assert (found.description, found.brand) == ("One.\nTwo.", "501")
    assert found.metadata == {"store": {"n": [1, None, None]}}


def test_currency_of_the_price_text(product, reject):
    assert product(price="12.50 EUR").currency == "EUR"
    assert product(price="12.50 EUR", currency="€").currency == "EUR"
    assert product(price="$12.50", currency="CAD").currency == "CAD"
    assert product(price="$12.50").currency is None
    found = reject(price="12.50 EUR", currency="USD")
    assert (found["reason"], found["column"]) == ("bad_price", "currency")


def test_other_prices_of_the_column_decide_what_a_point_means(text_file, products, rejected):
    def source(name, prices):
        rows = "".join(f"{i},Rod,{price}\n" for i, price in enumerate(prices))
        return text_file(name, f"id,title,price\n{rows}")

    machine = source("machine.csv", ["1.299", "0.5", "12"])
    assert [found.price for found in products(machine)] == [1.299, 0.5, 12]
    late = source("late.csv", [""] * 2000 + ["0.5", "1.299"])
    assert [found.price for found in products(late)][-2:] == [0.5, 1.299]
    unclear = source("unclear.csv", ["1.299", "45", "12"])
    assert [found["reason"] for found in rejected(unclear)] == ["ambiguous_price"]
