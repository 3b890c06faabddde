"""Tiny checkpoints of every kind, loaded in float32 so that results can be compared closely."""

import pytest
from tiny_checkpoints import tiny_separate, tiny_shared

from engine.model import LREM

QUERIES = [
    "gift for dad who fishes",
    "drill",
    "",
    "waterproof hiking boots for nurses who walk long steel garden paths every day " * 2,
    "🎣 подарок 釣り",
    "هدية لأبي الذي يصطاد",
    "paint brush set",
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="session")
def direct(folder):
    return LREM.from_pretrained(tiny_separate(folder / "direct"), dtype="float32")


@pytest.fixture(scope="session")
def separate(folder):
    return LREM.from_pretrained(tiny_separate(folder / "separate", trained=True), dtype="float32")


@pytest.fixture(scope="session")
def qwen(folder):
    return LREM.from_pretrained(tiny_shared(folder / "qwen", "qwen2"), dtype="float32")


@pytest.fixture(scope="session")
def llama(folder):
    path = tiny_shared(folder / "llama", "llama", tied=False)
    return LREM.from_pretrained(path, dtype="float32")


@pytest.fixture(params=["separate", "qwen", "llama"])
def reasoning(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["direct", "separate", "qwen", "llama"])
def lrem(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["qwen", "llama"])
def shared(request):
    return request.getfixturevalue(request.param)
