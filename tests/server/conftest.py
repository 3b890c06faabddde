"""Engines over a shop, with a tiny checkpoint that reasons without sense, and a service."""

from __future__ import annotations

import shutil

import httpx
import pytest
from serving import serving
from serving_shop import make_shop
from tiny_checkpoints import tiny_separate

from engine import LREM, Engine, ThoughtCache


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("service") / "model", trained=True)


@pytest.fixture(scope="session")
def lrem(model):
    return LREM.from_pretrained(model, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def shop(tmp_path_factory, lrem):
    """A store that is copied before it is opened."""
    return make_shop(tmp_path_factory.mktemp("shop"), lrem)


def copied(shop, folder):
    return str(shutil.copytree(shop, folder / "shop.db"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory, shop, lrem):
    """For tests that write nothing."""
    folder = tmp_path_factory.mktemp("engine")
    with (
        ThoughtCache(folder / "thoughts.db") as cache,
        Engine.open(copied(shop, folder), lrem=lrem, cache=cache) as engine,
    ):
        yield engine


@pytest.fixture(scope="session")
def url(engine):
    with serving(engine) as url:
        yield url


@pytest.fixture
def api(url):
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def uncached(tmp_path_factory, shop):
    """For tests that write nothing and wait for thoughts."""
    folder = tmp_path_factory.mktemp("uncached")
    with Engine.open(copied(shop, folder), device="cpu", dtype="float32") as engine:
        yield engine


@pytest.fixture
def own_engine(tmp_path, shop, lrem):
    """For tests that write."""
    with Engine.open(copied(shop, tmp_path), lrem=lrem) as engine:
        yield engine
