"""Broken catalogs: a clear error, or every good row delivered and every bad one accounted for."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from broken_catalogs import ANY, broken_catalog
from catalog_files import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import Catalog, CatalogError


def check(folder: Path, random: Random) -> str:
    """Write a broken catalog, read it, and hold the outcome against what must come of it."""
    source = folder / "in"
    source.mkdir()
    expected = broken_catalog(source, random)
    told = f"{expected.faults}"
    rejects = folder / "rejects.jsonl"
    delivered: list[str] = []
    catalog = None
    try:
        catalog = Catalog.open(source, rejects=rejects)
        for batch in catalog.batches(size=random.choice([1, 3, 100])):
            delivered += [product.id for product in batch]
        outcome = "read"
    except CatalogError as error:
        nothing = catalog is not None and not delivered and not expected.good
        assert expected.may_fail or nothing, (str(error), told)
        assert error.remedy, told
        assert str(source) in error.message, (error.message, told)
        outcome = "error"
    assert len(delivered) == len(set(delivered)), told
    if outcome == "error" and expected.may_fail:
        return outcome
    counts = catalog.counts
    rejected = (
        [json.loads(line) for line in rejects.read_text("utf-8").split("\n")[:-1]]
        if (rejects.exists())
        else []
    )
    assert counts.accepted == len(delivered), told
    assert counts.read == counts.accepted + len(rejected), told
    assert Counter(r["reason"] for r in rejected) == counts.rejected, told
    assert all(r["file"] and r["row"] and r["detail"] for r in rejected), told
    assert expected.good <= set(delivered), (expected.good - set(delivered), rejected, told)
    if expected.exact:
        assert expected.good == set(delivered), told
        assert len(rejected) == len(expected.bad), (rejected, told)
        reasons = [r["reason"] for r in rejected]
        for wanted in sorted(expected.bad, key=lambda wanted: (wanted == ANY, len(wanted))):
            found = next((r for r in reasons if wanted == ANY or r in wanted), None)
            assert found is not None, (wanted, reasons, told)
            reasons.remove(found)
    return outcome


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_broken_catalog_is_told_of_or_read_in_full(random):
    with TemporaryDirectory() as folder:
        check(Path(folder), random)


@pytest.mark.slow
def test_many_broken_catalogs():
    outcomes = Counter()
    for seed in range(400):
        with TemporaryDirectory() as folder:
            outcomes[check(Path(folder), Random(seed))] += 1
    assert outcomes["read"] > 120
    assert outcomes["error"] > 60


READ = """
import sys
from catalog import Catalog
catalog = Catalog.open(sys.argv[1])
ids = [product.id for batch in catalog.batches() for product in batch]
print(ids, catalog.counts.rejected)
# ru_maxrss would begin with the memory of the process that started this one.
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""
GOOD = '{"id": "%s", "title": "rod"}\n'
linux = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


def read_apart(path):
    """Read a catalog in a process of its own; what it found, and its peak memory in MB."""
    repository = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    found, peak = done.stdout.splitlines()
    return found, int(peak)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jsonl.gz", "jsonl.zst", "csv.gz"])
def test_a_line_without_end_is_one_bad_row_in_little_memory(tmp_path, suffix):
    good = [GOOD % "a", GOOD % "b"] if "jsonl" in suffix else ["id,title\na,rod\n", "b,rod\n"]
    path = tmp_path / f"bomb.{suffix}"
    codec = "gzip" if path.suffix == ".gz" else "zstd"
    with pa.CompressedOutputStream(str(path), codec) as stream:
        stream.write(good[0].encode())
        for _ in range(600):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n" + good[1].encode())
    assert path.stat().st_size < 1 << 21
    found, peak = read_apart(path)
    assert found == "['a', 'b'] {'too_long': 1}"
    assert peak < 400


@linux
@pytest.mark.slow
def test_long_lines_are_not_held_by_the_thousand(tmp_path):
    path = tmp_path / "long.jsonl.gz"
    row = '{"id": "%d", "title": [' + "{}," * 1_000_000 + "1]}\n"
    with pa.CompressedOutputStream(str(path), "gzip") as stream:
        stream.write((GOOD % "a").encode())
        for n in range(16):
            stream.write((row % n).encode())
    found, peak = read_apart(path)
    assert found == "['a'] {'wrong_type': 16}"
    assert peak < 700


def test_rows_that_bring_columns_without_end_are_rejected(tmp_path):
    path = tmp_path / "keys.jsonl"
    with path.open("w") as file:
        for n in range(4):
            row = {"id": str(n), "title": "rod"} | {f"key {n} {k}": None for k in range(8000)}
            file.write(json.dumps(row) + "\n")
        file.write(GOOD % "last")
    catalog = Catalog.open(path)
    products = [product for batch in catalog.batches() for product in batch]
    assert [product.id for product in products] == ["0", "1", "last"]
    assert catalog.counts.rejected == {"too_large": 2}
    assert "20,000" in catalog.counts.examples["too_large"][0].detail


def test_more_columns_than_a_catalog_can_have_are_told(tmp_path):
    row = {"id": "1", "title": "rod"} | {f"c{n}": None for n in range(20_000)}
    with pytest.raises(CatalogError, match=r"20,002 columns; catalogs of up to 20,000") as caught:
        Catalog.open(write_rows(tmp_path / "wide.csv", [row]))
    assert "attributes" in caught.value.remedy


def test_ten_thousand_columns_of_one_name_are_told_apart(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("id,title" + ",same" * 10_000 + "\n1,rod" + "," * 9_999 + ",x\n")
    catalog = Catalog.open(path)
    assert [p.metadata["same_10000"] for batch in catalog.batches() for p in batch] == ["x"]


def test_an_array_as_the_first_row_is_one_bad_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('["id", "title"]\n' + GOOD % "a")
    catalog = Catalog.open(path)
    assert [p.id for batch in catalog.batches() for p in batch] == ["a"]
    assert catalog.counts.rejected == {"broken_row": 1}
    path.write_text('[\n{"id": 1, "title": "rod"},\n{"id": 2, "title": "rod"}\n]\n')
    with pytest.raises(CatalogError, match="is one JSON array"):
        Catalog.open(path)
