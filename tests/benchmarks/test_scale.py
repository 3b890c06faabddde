"""`lrem bench scale` measures a real run of the pipeline."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app


@pytest.mark.parametrize("sink", ["parquet", "lite"])
def test_the_free_tower_measures_the_pipeline(sink):
    result = CliRunner().invoke(app, ["bench", "scale", "--rows", "700", "--sink", sink, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["rows"], report["sink"]) == (700, sink)
    assert report["tower"] == "free tower of lrem bench scale"
    assert report["rows_per_second"] == pytest.approx(700 / report["seconds"])
    assert 0 <= report["encoder_busy"] < 0.5
    assert 0 < report["start_mib"] <= report["peak_mib"]
    rows = [mark["rows"] for mark in report["marks"]]
    assert rows == sorted(rows)
    assert rows[-1] == 700
    assert report["machine"]["cores"] >= 1


def test_the_catalog_is_the_same_each_time_and_has_no_bad_row(tmp_path):
    from benchmarks.speed.scale import write_catalog
    from catalog import Catalog

    for name in ("a", "b"):
        write_catalog(tmp_path / f"{name}.parquet", 500)
    catalogs = [Catalog.open(tmp_path / f"{name}.parquet") for name in ("a", "b")]
    first, second = ([p for batch in c.batches() for p in batch] for c in catalogs)
    assert first == second
    assert len(first) == len({p.id for p in first}) == 500
    assert catalogs[0].counts.rejected == {}


def test_words_for_a_person():
    result = CliRunner().invoke(app, ["bench", "scale", "--rows", "50"])
    words = " ".join(result.stdout.split())
    assert "50 rows to parquet, free tower of lrem bench scale on none" in words
    assert "MiB" in words
