"""Columns are recognised by their names, or mapped by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import Catalog, CatalogError
from catalog.mapping import ALIASES, FIELDS, map_columns


def test_no_name_stands_for_two_fields():
    names = [name for field, aliases in ALIASES.items() for name in (field, *aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("field", FIELDS)
def test_every_alias_is_recognised(field):
    for alias in ALIASES[field]:
        required = [name for name in ("id", "title") if name != field]
        mapping = map_columns([*required, "stock", alias], file="a.csv")
        assert mapping.fields[field] == alias
        assert mapping.how[field] == "recognised"
        assert mapping.metadata == ["stock"]


@pytest.mark.parametrize(
    "column", ["Product Title", "product-title", "productTitle", "PRODUCT_TITLE", " product.title"]
)
def test_case_and_punctuation_do_not_matter(column):
    assert map_columns(["Id", column], file="a.csv").fields == {"id": "Id", "title": column}


def test_the_fields_own_name_wins_then_the_order_of_aliases():
    columns = ["item_id", "sku", "ID", "id", "name", "product_title"]
    mapping = map_columns(columns, file="a.csv")
    assert mapping.fields == {"id": "id", "title": "name"}
    assert mapping.metadata == ["item_id", "sku", "ID", "product_title"]
    assert map_columns(columns[:2] + columns[4:], file="a.csv").fields["id"] == "sku"


@given(st.permutations(["id", "sku", "name", "product_title", "maker", "brand"]))
def test_the_order_of_columns_does_not_matter(columns):
    fields = map_columns(columns, file="a.csv").fields
    assert fields == {"id": "id", "title": "name", "brand": "brand"}


def test_of_columns_that_read_alike_the_first_is_taken():
    mapping = map_columns(["ID", "Id", "title"], file="a.csv")
    assert (mapping.fields["id"], mapping.metadata) == ("ID", ["Id"])


def test_by_hand_wins():
    columns = ["id", "title", "headline", "brand"]
    mapping = map_columns(columns, {"title": "headline", "category": "brand"}, file="a.csv")
    assert mapping.fields == {"id": "id", "title": "headline", "category": "brand"}
    assert mapping.how == {"id": "recognised", "title": "by hand", "category": "by hand"}
    assert mapping.metadata == ["title"]


def test_mapping_by_hand_reaches_the_products(text_file, products):
    source = text_file("a.csv", "id,title,headline\n1,Rod,Fly rod\n")
    (product,) = products(source, columns={"title": "headline"})
    assert (product.title, product.metadata) == ("Fly rod", {"title": "Rod"})


def test_unknown_field_suggests_a_near_one():
    with pytest.raises(CatalogError, match=r"no field 'titel'\. Did you mean title"):
        map_columns(["id", "title"], {"titel": "title"}, file="a.csv")


def test_unknown_column_lists_columns_and_near_ones():
    with pytest.raises(CatalogError, match=r"a\.csv.*'product_titel'.*id, product_title") as raised:
        map_columns(["id", "product_title"], {"title": "product_titel"}, file="a.csv")
    assert "--map title=product_title" in raised.value.remedy


def test_unmapped_required_column_names_file_columns_and_flag(rows_file, tmp_path):
    rows_file("a.csv", [{"id": "1", "title": "Rod"}])
    rows_file("b.csv", [{"id": "1", "product_headline_name": "Rod", "color": "red"}])
    with pytest.raises(CatalogError) as raised:
        Catalog.open(tmp_path)
    assert re.search(r"b\.csv: no column is recognised as title", raised.value.message)
    assert "Columns found: id, product_headline_name, color." in raised.value.message
    assert "--map title=product_headline_name" in raised.value.remedy


def test_a_jsonl_column_that_comes_late_is_mapped(text_file):
    lines = [f'{{"sku": "{i}", "name": "Rod"}}' for i in range(1500)]
    lines.append('{"sku": "x", "name": "Rod", "manufacturer": "Orvis", "id": "y", "color": "red"}')
    catalog = Catalog.open(text_file("a.jsonl", "\n".join(lines)))
    for _ in range(2):
        *_, last = (product for batch in catalog.batches() for product in batch)
        assert (last.id, last.brand) == ("x", "Orvis")
        assert last.metadata == {"id": "y", "color": "red"}
        assert catalog.mapping.fields == {"id": "sku", "title": "name", "brand": "manufacturer"}
        assert catalog.mapping.metadata == ["id", "color"]


@given(st.lists(st.text(), unique=True))
def test_any_columns_are_mapped_once_or_refused(columns):
    try:
        mapping = map_columns(columns, file="a.csv")
    except CatalogError as error:
        assert "--map" in error.remedy
    else:
        assert sorted([*mapping.fields.values(), *mapping.metadata]) == sorted(columns)
