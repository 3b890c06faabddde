"""A run on a local Ray with two workers, one of them killed, is a local run: vector for vector."""

import json
import logging
import os
import signal

import pyarrow.parquet as pq
import pytest
from conftest import assert_same, contents, product, write_catalog
from typer.testing import CliRunner

from catalog import Catalog, CatalogError
from catalog.errors import LremError
from cli.main import app
from engine.store import Store
from indexer import index_catalog
from indexer.bulk import write_parts
from indexer.load import load_parts
from indexer.log_events import LOGGER

N = 500
PART_ROWS = 64
BAD = [{"id": "x"}, {"title": "y"}, product(3)]

ray = pytest.importorskip("ray")


class Events(logging.Handler):
    """The events of a run; kills a worker as soon as a part is done."""

    def __init__(self, kill):
        super().__init__()
        self.seen = []
        self._kill = kill

    def emit(self, record):
        self.seen.append((record.event, record.fields))
        if self._kill and record.event == "part":
            pid = next(fields["pid"] for event, fields in self.seen if event == "worker")
            os.kill(pid, signal.SIGKILL)
            self._kill = False

    def names(self):
        return [event for event, _ in self.seen]


@pytest.fixture
def events(request):
    handler = Events(kill=getattr(request, "param", False))
    log = logging.getLogger(LOGGER)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


@pytest.fixture(scope="module")
def local_ray():
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    rows = [*map(product, range(N)), *BAD, product(N)]
    return write_catalog(tmp_path_factory.mktemp("ray") / "catalog.jsonl", rows)


@pytest.fixture
def work(source, checkpoint, tmp_path):
    from indexer.ray_worker import Work

    return Work(
        source=str(source),
        columns=None,
        model=str(checkpoint),
        device="cpu",
        dtype="float32",
        folder=tmp_path / "parts",
        uri=None,
        token=None,
        collection="products",
    )


@pytest.mark.slow
@pytest.mark.parametrize("events", [True], indirect=True)
def test_parts_written_with_a_worker_killed_are_those_of_a_local_run(
    local_ray, events, source, work, lrem, store, tmp_path
):
    from indexer.ray_runner import write_parts_on_ray

    report = write_parts_on_ray(
        Catalog.open(source, rejects=tmp_path / "ray.rejects.jsonl"),
        work,
        workers=2,
        part_rows=PART_ROWS,
    )
    assert "worker_lost" in events.names()
    assert events.names().count("part") == report.parts == 8
    local = write_parts(
        Catalog.open(source, rejects=tmp_path / "local.rejects.jsonl"),
        lrem,
        tmp_path / "local",
        part_rows=PART_ROWS,
    )
    assert (report.read, report.rejected) == (local.read, local.rejected)
    assert (report.products, report.missing) == (N + 1, 0)
    assert report.fingerprint == lrem.fingerprint
    assert (tmp_path / "ray.rejects.jsonl").read_text() == (
        tmp_path / "local.rejects.jsonl"
    ).read_text()
    files = sorted(file.name for file in (tmp_path / "local").glob("*.parquet"))
    assert files == sorted(file.name for file in (tmp_path / "parts").glob("*.parquet"))
    for name in files:
        ours, theirs = (pq.read_table(tmp_path / d / name) for d in ("parts", "local"))
        assert ours.drop_columns(["dense"]).equals(theirs.drop_columns(["dense"]))
    load_parts(tmp_path / "parts", store, "products")
    with Store(str(tmp_path / "direct.db")) as direct:
        index_catalog(Catalog.open(source), lrem, direct, "products")
        ids = [f"p{n}" for n in range(N + 1)]
        assert_same(contents(store, "products", ids), contents(direct, "products", ids))
    # Nothing is done twice.
    again = write_parts_on_ray(Catalog.open(source), work, workers=1, part_rows=PART_ROWS)
    assert (again.written, again.encoded, again.products) == (0, 0, N + 1)


@pytest.mark.slow
def test_from_the_command_line(local_ray, checkpoint, lrem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_catalog(tmp_path / "catalog.jsonl", [*map(product, range(20)), *BAD])
    arguments = ["index", "catalog.jsonl", "--to-parquet", "parts", "--runner", "ray"]
    arguments += ["--workers", "1", "--model", str(checkpoint), "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["read"], report["products"], report["missing"]) == (23, 20, 0)
    assert report["fingerprint"] == lrem.fingerprint
    assert len((tmp_path / "products.rejects.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_what_a_worker_raises_ends_the_run(local_ray, work, source, tmp_path):
    from indexer.ray_runner import write_parts_on_ray

    bad = write_catalog(tmp_path / "bad.jsonl", [{"id": n, "title": ""} for n in range(5)])
    from dataclasses import replace

    with pytest.raises(CatalogError, match="none of its 5 rows"):
        write_parts_on_ray(Catalog.open(bad), replace(work, source=str(bad)), workers=1)
    missing = replace(work, model=str(tmp_path / "nothing"), folder=tmp_path / "other")
    with pytest.raises(LremError, match="nothing"):
        write_parts_on_ray(Catalog.open(source), missing, workers=1)


def test_a_milvus_lite_file_has_one_writer(work, source, tmp_path):
    from dataclasses import replace

    from indexer.ray_runner import index_on_ray

    lite = replace(work, uri=str(tmp_path / "lite.db"), folder=None)
    with pytest.raises(LremError, match="one process at a time") as error:
        index_on_ray(Catalog.open(source), lite)
    assert "--to-parquet" in error.value.remedy
    assert not (tmp_path / "lite.db").exists()
