"""One real Milvus server for all tests of this folder, and a tiny checkpoint."""

from __future__ import annotations

import pytest
import torch
from milvus_standalone import ServerUnavailableError, Standalone, unpack
from tiny_checkpoints import tiny_separate

from engine.model import LREM
from engine.store import Store


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    try:
        return unpack(tmp_path_factory.mktemp("milvus"))
    except ServerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def started(package, tmp_path_factory):
    """Start a server that is stopped at the end."""
    servers = []

    def start(**options):
        server = Standalone(package, tmp_path_factory.mktemp("server"), **options)
        servers.append(server)
        try:
            server.start()
        except ServerUnavailableError as error:
            pytest.skip(str(error))
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def server(started):
    return started()


@pytest.fixture
def store(server):
    """A store on the server; what a test makes there is dropped afterwards."""
    with Store(server.uri, patience=60) as store:
        before = {info.name for info in store.list()}
        yield store
        for name in {info.name for info in store.list()} - before:
            store.drop(name)


@pytest.fixture(scope="session")
def one_torch_thread():
    """Layers this small take longer on two threads, and far longer on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, one_torch_thread):
    return tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def lrem_model(checkpoint):
    return LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")
