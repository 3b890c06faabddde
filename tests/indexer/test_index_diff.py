"""Content hashes, and what the diff makes of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import Product, item_text
from indexer.diff import PRODUCT_FIELDS, compare, content_hash

PRODUCT = Product(
    id="p1",
    title="drill",
    brand="Makita",
    category="Tools",
    description="good",
    price=9.5,
    currency="EUR",
    url="http://shop/p1",
    image_url="http://shop/p1.jpg",
    attributes={"volts": "18"},
    metadata={"stock": 3, "tags": ["new"]},
)
OTHER = {
    "price": 9.25,
    "attributes": {"volts": "12"},
    "metadata": {"stock": 4, "tags": ["new"]},
}
texts = st.text(max_size=20)
products = st.builds(
    Product,
    id=texts,
    title=texts,
    brand=st.none() | texts,
    price=st.none() | st.floats(0, 1e6),
    attributes=st.dictionaries(texts, texts, max_size=3),
    metadata=st.dictionaries(texts, st.none() | st.integers() | texts, max_size=3),
)


def digest(product, salt="s"):
    return content_hash(product, item_text(product), salt)


def stored(*products):
    """The two look-ups a collection offers, over products with vectors of their own."""
    rows = {p.id: p for p in products}

    def hashes(ids):
        return {id_: digest(rows[id_]) for id_ in ids if id_ in rows}

    def fetch(ids):
        return {
            id_: {
                **{name: getattr(rows[id_], name) for name in PRODUCT_FIELDS},
                "vector": np.full(4, len(id_), np.float32),
            }
            for id_ in ids
        }

    return hashes, fetch


@pytest.mark.parametrize("name", PRODUCT_FIELDS)
def test_every_field_counts(name):
    changed = replace(PRODUCT, **{name: OTHER.get(name, "else")})
    assert digest(changed) != digest(PRODUCT)


def test_checkpoint_and_template_count():
    assert digest(PRODUCT, "checkpoint a") != digest(PRODUCT, "checkpoint b")


def test_item_text_counts():
    assert content_hash(PRODUCT, "a", "s") != content_hash(PRODUCT, "b", "s")


def test_order_of_metadata_does_not_count():
    turned = replace(PRODUCT, metadata=dict(reversed(PRODUCT.metadata.items())))
    assert digest(turned) == digest(PRODUCT)


@given(products, products)
def test_equal_hashes_mean_equal_products(a, b):
    assert (digest(a) == digest(b)) == (a == b)
    assert digest(a) == digest(replace(a))


def test_compare_finds_new_changed_and_unchanged():
    kept, cheaper, renamed = (replace(PRODUCT, id=id_) for id_ in ("kept", "cheaper", "renamed"))
    now = [
        kept,
        replace(cheaper, price=1.0),
        replace(renamed, title="saw"),
        replace(PRODUCT, id="new"),
    ]
    entries, new = compare(now, "s", *stored(kept, cheaper, renamed))
    assert [entry.product for entry in entries] == now[1:]
    assert new == 1
    assert [entry.vector is not None for entry in entries] == [True, False, False]
    np.testing.assert_array_equal(entries[0].vector, np.full(4, len("cheaper")))
    assert [entry.content_hash for entry in entries] == [digest(p) for p in now[1:]]


def test_another_salt_makes_all_changed():
    entries, new = compare([PRODUCT], "another", *stored(PRODUCT))
    assert (len(entries), new) == (1, 0)
