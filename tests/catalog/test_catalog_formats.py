"""Every format and compression gives the same products; encodings, quotes and delimiters."""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from catalog_files import SUFFIXES, TEXT_SUFFIXES, write_rows

from catalog import Catalog, CatalogError, Product
from catalog.lines import Lines

ROWS = [
    {
        "id": f"p{i}",
        "title": f'Rod "{i}", 7 ft',
        "brand": "Ångström",
        "price": i + 0.5,
        "stock": i,
    }
    for i in range(2500)
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_products_from_every_format(rows_file, products, suffix):
    found = products(rows_file(f"catalog{suffix}", ROWS))
    assert len(found) == 2500
    assert found[7] == Product(
        id="p7", title='Rod "7", 7 ft', brand="Ångström", price=7.5, metadata={"stock": 7}
    )
    assert [product.id for product in found] == [row["id"] for row in ROWS]


def test_batches_have_the_size_asked_for_and_can_be_read_again(rows_file):
    catalog = Catalog.open(rows_file("catalog.parquet", ROWS))
    for _ in range(2):
        assert [len(batch) for batch in catalog.batches(size=1000)] == [1000, 1000, 500]
        assert (catalog.counts.read, catalog.counts.accepted) == (2500, 2500)


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz", ".jsonl"])
def test_progress_in_rows_or_bytes(rows_file, suffix):
    catalog = Catalog.open(rows_file(f"catalog{suffix}", ROWS))
    assert catalog.total_rows == (2500 if suffix == ".parquet" else None)
    met = [catalog.counts.bytes_read for _ in catalog.batches(size=500)]
    assert met == sorted(met)
    assert met[0] > 0
    assert met[-1] == catalog.total_bytes == catalog.files[0].size


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_byte_order_mark_is_no_part_of_the_first_column(text_file, products, suffix):
    text = "id,title\n1,Rod\n" if suffix == ".csv" else '{"id": 1, "title": "Rod"}\n'
    assert products(text_file(f"a{suffix}", "\ufeff" + text)) == [Product(id="1", title="Rod")]


def test_utf_16_is_named(text_file):
    with pytest.raises(CatalogError, match="UTF-16") as raised:
        Catalog.open(text_file("a.csv", "id,title\n1,Rod\n".encode("utf-16")))
    assert "iconv" in raised.value.remedy


def test_header_that_is_not_utf8(text_file):
    with pytest.raises(CatalogError, match="header"):
        Catalog.open(text_file("a.csv", b"id,title,gr\xf6\xdfe\n1,Rod,2\n"))


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_delimiter_of_a_csv_is_that_of_its_header(text_file, products, delimiter):
    text = "id,title,price\n1,Rod,2\n".replace(",", delimiter)
    assert products(text_file("a.csv", text)) == [Product(id="1", title="Rod", price=2.0)]


def test_quoted_fields_over_several_lines(text_file, rejected, products):
    source = text_file("a.csv", 'id,title,description\r\n1,Rod,"two\nlines"\r\n2,,x\r\n')
    assert products(source)[0].description == "two\nlines"
    assert [(r["row"], r["line"]) for r in rejected(source)] == [(2, 4)]


def test_blank_lines_are_no_rows(text_file, products):
    assert len(products(text_file("a.csv", "id,title\n\n1,Rod\n\n"))) == 1
    assert len(products(text_file("a.jsonl", '\n{"id": 1, "title": "Rod"}\n  \n'))) == 1


@pytest.mark.parametrize(
    "broken", ['2,"never closed', '2,"closed" early', "2,Reel,too,many", "2"], ids=repr
)
def test_a_broken_csv_row_costs_only_itself(text_file, products, rejected, broken):
    source = text_file("a.csv", f"id,title,color\n1,Rod,red\n{broken}\n3,Lure,blue\n4,Net,\n")
    assert [product.id for product in products(source)] == ["1", "3", "4"]
    (reject,) = rejected(source)
    assert (reject["reason"], reject["row"], reject["line"]) == ("broken_row", 2, 3)
    assert reject["raw"] == broken


def test_a_quote_never_closed_in_a_long_file(text_file, products, rejected):
    rows = [f"{i},Rod {i}" for i in range(30_000)]
    rows[10] = '10,"Rod 10'
    source = text_file("a.csv", "id,title\n" + "\n".join(rows) + "\n")
    assert len(products(source)) == 29_999
    assert [reject["row"] for reject in rejected(source)] == [11]


@pytest.mark.parametrize(
    "line",
    ['{"id": 2', "[1, 2]", '"text"', "null", "{" * 5000, '{"id": ' + "[" * 99 + "]" * 99 + "}"],
)
def test_a_line_that_is_no_json_object(text_file, rejected, line):
    source = text_file("a.jsonl", f'{{"id": 1, "title": "Rod"}}\n{line}\n')
    (reject,) = rejected(source)
    assert (reject["reason"], reject["row"], reject["raw"]) == ("broken_row", 2, line[:2000])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_bytes_that_are_not_utf8_cost_one_row(tmp_path, text_file, products, rejected, suffix):
    titles = [b"Rod", b"Gr\xf6\xdfe", b"Net"]
    if suffix == ".parquet":
        source = tmp_path / "a.parquet"
        array = pa.array(titles, pa.binary()).view(pa.string())
        pq.write_table(pa.table({"id": ["0", "1", "2"], "title": array}), source)
    elif suffix == ".csv":
        lines = [b"id,title", *(b"%d,%s" % (i, title) for i, title in enumerate(titles))]
        source = text_file("a.csv", b"\n".join(lines))
    else:
        lines = [b'{"id": "%d", "title": "%s"}' % (i, title) for i, title in enumerate(titles)]
        source = text_file("a.jsonl", b"\n".join(lines))
    assert [product.id for product in products(source)] == ["0", "2"]
    (reject,) = rejected(source)
    assert (reject["reason"], reject["row"]) == ("bad_encoding", 2)
    assert "Gr" in reject["raw"]


def test_half_a_surrogate_pair_is_no_text(text_file, rejected):
    source = text_file(
        "a.jsonl", '{"id": 1, "title": "\\ud83d"}\n{"id": 2, "title": "\\ud83d\\ude00"}'
    )
    assert [(r["reason"], r["row"]) for r in rejected(source)] == [("bad_encoding", 1)]


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_an_overlong_line_costs_only_itself(text_file, products, suffix):
    huge = "x" * (17 << 20)
    if "sv" in suffix:
        text = f"id,title\n1,Rod\n2,{huge}\n3,Net\n".replace(",", "\t" if "tsv" in suffix else ",")
    else:
        text = "\n".join(
            f'{{"id": {i}, "title": "{t}"}}' for i, t in ((1, "Rod"), (2, huge), (3, "Net"))
        )
    assert [product.id for product in products(text_file(f"a{suffix}", text))] == ["1", "3"]


def test_an_overlong_line_is_never_whole_in_memory(text_file):
    source = text_file("a.csv.zst", "id,title\n1," + "x" * (40 << 20) + "\n2,Net\n")
    lines = list(Lines(Catalog.open(source).files[0]))
    assert [line[:2] for line in lines] == [b"id", b"1,", b"2,"]
    assert max(map(len, lines)) < 17 << 20


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst"])
def test_a_compressed_file_cut_off_names_file_and_row(tmp_path, suffix):
    import random

    noise = random.Random(0)
    rows = [{"id": i, "title": f"{noise.getrandbits(400):x}"} for i in range(60_000)]
    path = write_rows(tmp_path / f"a{suffix}", rows)
    path.write_bytes(path.read_bytes()[:-1000])
    catalog = Catalog.open(path)
    with pytest.raises(CatalogError, match=r"breaks off after row [1-9][0-9,]*: ") as raised:
        list(catalog.batches())
    assert str(path) in raised.value.message
    assert catalog.counts.read > 1000


def test_concatenated_gzip_members_are_one_file(tmp_path, products):
    import gzip

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"id,title\n1,Rod\n") + gzip.compress(b"2,Net\n"))
    assert [product.id for product in products(path)] == ["1", "2"]


def test_a_parquet_file_cut_off_is_unreadable(rows_file):
    path = rows_file("a.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        CatalogError, match=r"a\.parquet cannot be read as parquet.*begins with b'PAR1"
    ) as raised:
        Catalog.open(path)
    assert raised.value.remedy


def test_a_parquet_row_group_that_breaks_names_the_row(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"id": [str(i) for i in range(4096)], "title": [f"Rod {i}" for i in range(4096)]}
    )
    pq.write_table(table, path, row_group_size=2048, compression="zstd")
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    catalog = Catalog.open(path)
    with pytest.raises(CatalogError, match=r"a\.parquet breaks off after row 2,048"):
        list(catalog.batches())


def test_nested_and_typed_parquet_columns(tmp_path, products):
    path = tmp_path / "a.parquet"
    moment = 1_714_979_289_123_456_789  # nanoseconds
    table = pa.table(
        {
            "id": pa.array([1001.0]),
            "title": ["Rod"],
            "category": pa.array([["Sports", "Fishing"]]),
            "price": pa.array([decimal.Decimal("12.50")]),
            "attributes": pa.array([[("length", "7 ft")]], pa.map_(pa.string(), pa.string())),
            "day": pa.array([datetime.date(2024, 5, 6)]),
            "at": pa.array([moment], pa.timestamp("ns", "UTC")),
            "weight": pa.array([decimal.Decimal("1.25")]),
            "rating": pa.array([float("nan")]),
            "sizes": pa.array([{"min": 1, "max": 2}]),
            "stock": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
            "shop": pa.array(["x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path)
    assert products(path) == [
        Product(
            id="1001",
            title="Rod",
            category="Sports > Fishing",
            price=12.5,
            attributes={"length": "7 ft"},
            metadata={
                "day": "2024-05-06",
                "at": "2024-05-06T07:08:09.123456+00:00",
                "weight": 1.25,
                "rating": None,
                "sizes": {"min": 1, "max": 2},
                "stock": {"a": 1},
                "shop": "x",
            },
        )
    ]


def test_a_parquet_value_outside_python_costs_one_row(tmp_path, products, rejected):
    path = tmp_path / "a.parquet"
    at = pa.array([0, 2**62], pa.timestamp("us"))
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["Rod", "Net"], "at": at}), path)
    assert [product.id for product in products(path)] == ["1"]
    (reject,) = rejected(path)
    assert (reject["reason"], reject["column"]) == ("bad_metadata", "at")


def test_numbers_in_csv_metadata_can_be_compared(text_file, products):
    text = "id,title,stock,weight,zip\n1,Rod,12,0.5,01234\n2,Net,,2,98765\n3,Fly,many,1.25,1\n"
    # "many" makes stock text throughout; in zip the leading zero does.
    assert [product.metadata for product in products(text_file("a.csv", text))] == [
        {"stock": "12", "weight": 0.5, "zip": "01234"},
        {"stock": None, "weight": 2, "zip": "98765"},
        {"stock": "many", "weight": 1.25, "zip": "1"},
    ]


def test_columns_of_one_name_are_all_kept(text_file, products):
    text = "id,title,size,size,\n1,Rod,S,M,x\n"
    (product,) = products(text_file("a.csv", text))
    assert product.metadata == {"size": "S", "size_2": "M", "column_5": "x"}
