"""Small catalogs in the test's folder, and readers of whole passes."""

import json

import pytest
from catalog_files import write_bytes, write_rows

from catalog import Catalog


@pytest.fixture
def rows_file(tmp_path):
    """Write rows under a name in the test's folder."""

    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_rows(path, rows)

    return write


@pytest.fixture
def text_file(tmp_path):
    """Write text or bytes under a name in the test's folder."""

    def write(name, content):
        return write_bytes(
            tmp_path / name, content.encode() if isinstance(content, str) else content
        )

    return write


@pytest.fixture
def products():
    """All products of a source, in order."""

    def read(source, **options):
        return [product for batch in Catalog.open(source, **options).batches() for product in batch]

    return read


@pytest.fixture
def rejected(tmp_path):
    """The rejects file of a pass in which one good row is accepted besides, as dicts."""

    def read(source, **options):
        path = tmp_path / "out" / "rejects.jsonl"
        path.parent.mkdir(exist_ok=True)
        catalog = Catalog.open(source, rejects=path, **options)
        list(catalog.batches())
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        assert len(lines) == sum(catalog.counts.rejected.values())
        return [json.loads(line) for line in lines]

    return read
