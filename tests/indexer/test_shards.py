"""Whatever the catalog and however it is cut: the parts together are the catalog, row for row."""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import Catalog, jsonl_reader
from catalog.errors import LremError
from indexer.shards import Shard, plan_parts

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from([*(f"p{n}" for n in range(12)), "", " p3 "]),
            "title": st.sampled_from(["drill", "rod", "", "boots"]),
        },
        # Columns that only some rows have; two of them compete for the brand.
        optional={
            "vendor": st.sampled_from(["A", "B"]),
            "manufacturer": st.sampled_from(["C", None]),
            "price": st.sampled_from([1.5, "?", 2]),
        },
    ),
    min_size=1,
    max_size=25,
)
FILES = st.lists(st.tuples(st.sampled_from(["parquet", "csv", "jsonl"]), ROWS), max_size=4)


def write(folder, files):
    for n, (kind, rows) in enumerate(files):
        path = folder / f"{n}.{kind}"
        if kind == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            continue
        names = list(dict.fromkeys(name for row in rows for name in row))
        frame = polars.DataFrame(
            {
                name: [None if row.get(name) is None else str(row[name]) for row in rows]
                for name in names
            },
            schema=dict.fromkeys(names, polars.String),
        )
        if kind == "parquet":
            frame.write_parquet(path, row_group_size=4)
        else:
            frame.write_csv(path)


def passed(catalog, rejects):
    products = [product for batch in catalog.batches(7) for product in batch]
    lines = rejects.read_text().splitlines() if rejects.exists() else []
    rejects.unlink(missing_ok=True)
    return products, lines, catalog.counts


@settings(max_examples=60, deadline=None)
@given(first=ROWS, files=FILES, shards=st.integers(1, 6), part_rows=st.integers(1, 30))
def test_the_parts_are_the_catalog(first, files, shards, part_rows):
    with TemporaryDirectory() as name:
        folder, rejects = Path(name) / "catalog", Path(name) / "bad.rejects.jsonl"
        folder.mkdir()
        first = [{"id": "p0", "title": "one product at least"}, *first]
        write(folder, [("jsonl", first), *files])
        whole, bad, counts = passed(Catalog.open(folder, rejects=rejects), rejects)

        catalog = Catalog.open(folder)
        plan = plan_parts(catalog, shards, part_rows)
        assert sum(plan.rows) == counts.read
        assert [p for n in range(shards) for p in plan.of_shard(Shard(n + 1, shards))] == [
            *plan.parts
        ]
        assert len({part.name for part in plan.parts}) == len(plan.parts)
        assert sorted(part.name for part in plan.parts) == [part.name for part in plan.parts]
        assert all(0 < part.rows <= part_rows for part in plan.parts)
        sizes = [sum(p.rows for p in plan.of_shard(Shard(n + 1, shards))) for n in range(shards)]
        assert max(sizes) - min(sizes) <= 1

        for units in ([[p] for p in plan.parts], _by_shard(plan, shards)):
            found, lines, read, rejected = [], [], 0, Counter()
            for unit in units:
                # Each part as a process of its own sees it.
                own = plan.open(Catalog.open(folder), unit, rejects)
                products, its_lines, its_counts = passed(own, rejects)
                found += products
                lines += its_lines
                read += its_counts.read
                rejected.update(its_counts.rejected)
            assert found == whole
            assert lines == bad
            assert (read, rejected) == (counts.read, Counter(counts.rejected))


def _by_shard(plan, shards):
    units = [plan.of_shard(Shard(n + 1, shards)) for n in range(shards)]
    return [unit for unit in units if unit]


def test_a_column_that_turns_up_late_holds_the_field_in_every_part(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl_reader, "_SAMPLE_ROWS", 2)
    rows = [{"id": f"p{n}", "title": "drill"} for n in range(8)]
    rows[3]["vendor"] = "A"
    rows[5]["manufacturer"] = "B"
    rows[6]["vendor"] = "C"
    source = tmp_path / "catalog.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = [p for batch in Catalog.open(source).batches() for p in batch]
    assert [p.brand for p in whole] == [None, None, None, "A", None, None, "C", None]
    plan = plan_parts(Catalog.open(source), 2)
    parts = [plan.open(Catalog.open(source), [part]) for part in plan.parts]
    assert [p for part in parts for batch in part.batches() for p in batch] == whole


def test_a_plan_is_the_same_in_every_process_and_another_for_another_catalog(tmp_path):
    polars.DataFrame({"id": ["a", "b"], "title": ["x", "y"]}).write_parquet(tmp_path / "c.parquet")
    source = tmp_path / "c.parquet"
    plan = plan_parts(Catalog.open(source), 2)
    assert plan_parts(Catalog.open(source), 2) == plan
    assert plan_parts(Catalog.open(source), 3).digest != plan.digest
    polars.DataFrame({"id": ["a", "c"], "title": ["x", "y"]}).write_parquet(source)
    assert plan_parts(Catalog.open(source), 2).digest != plan.digest


def test_a_shard_reads_only_the_row_groups_it_needs(tmp_path):
    """Of a file whose other half is overwritten with zeros it still gets its own half."""
    import pyarrow.parquet as pq

    source = tmp_path / "c.parquet"
    titles = [f"drill {n} {'x' * 50}" for n in range(4000)]
    frame = polars.DataFrame({"id": [f"p{n}" for n in range(4000)], "title": titles})
    frame.write_parquet(source, row_group_size=1000, compression="uncompressed")
    catalog = Catalog.open(source)
    plan = plan_parts(catalog, 2)
    second = pq.ParquetFile(source).metadata.row_group(2).column(0).dictionary_page_offset
    begin = second or pq.ParquetFile(source).metadata.row_group(2).column(0).data_page_offset
    with source.open("r+b") as file:
        file.seek(4)
        file.write(bytes(begin - 4))
    half = plan.open(catalog, plan.of_shard(Shard(2, 2)))
    assert [p.title for batch in half.batches() for p in batch] == titles[2000:]


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "1/0", "-1/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(LremError, match="is no shard"):
        Shard.parse(text)


def test_a_shard_reads_as_it_is_written():
    assert Shard.parse(" 3/16 ") == Shard(3, 16)
    assert str(Shard(3, 16)) == "3/16"
