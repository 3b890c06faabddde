"""The item text is pinned: another text needs another version, and has another hash."""

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION, Product, item_text

ROD = Product(
    id="1",
    title="Fly Rod",
    brand="Orvis",
    category="Sports > Fishing",
    description="Never part of the text.",
    price=99.0,
    attributes={"length": "9 ft", "pieces": "4"},
    metadata={"stock": 3},
)


def test_version_and_hash_are_pinned():
    # Collections in the field keep this hash: who changes the template raises its version.
    assert (TEMPLATE_VERSION, TEMPLATE_HASH) == ("1", "468c1f4629b0")


def test_the_template():
    assert item_text(ROD) == "Fly Rod | Orvis | Sports > Fishing | length: 9 ft, pieces: 4"


def test_absent_parts_are_left_out():
    assert item_text(Product(id="1", title="Rod")) == "Rod"
    assert item_text(Product(id="1", title="Rod", category="Fishing")) == "Rod | Fishing"
    assert item_text(Product(id="1", title="Rod", attributes={"a": "b"})) == "Rod | a: b"


def test_a_large_product_costs_no_more_than_2000_characters():
    attributes = {f"name {i}": "value" * 10 for i in range(1000)}
    text = item_text(Product(id="1", title="Rod", attributes=attributes))
    assert len(text) == 2000
    assert text.startswith("Rod | name 0: valuevalue")
