"""Stores on real Milvus: Lite files, and a server where LREM_TEST_MILVUS names one."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from stored import a_manifest

from engine.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path / "test.db")) as store:
        yield store


@pytest.fixture
def collection(store):
    return store.create("products", a_manifest())


@pytest.fixture(params=["lite", "server"])
def any_store(request, tmp_path):
    """A store on Milvus Lite, and one on a server."""
    server = os.environ.get("LREM_TEST_MILVUS")
    if request.param == "server" and not server:
        pytest.skip("set LREM_TEST_MILVUS=http://host:19530 to test on a Milvus server too")
    uri = server if request.param == "server" else str(tmp_path / "test.db")
    with Store(uri) as store:
        yield store


@pytest.fixture
def anywhere(any_store):
    """A collection on Milvus Lite, and one on a server."""
    name = f"test_{uuid4().hex}"
    yield any_store.create(name, a_manifest())
    any_store.drop(name)
