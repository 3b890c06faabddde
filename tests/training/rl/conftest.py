"""A toy shop, recipes for it, and a tiny checkpoint of each layout."""

import pytest
from rl_shop import write_recipe, write_shop
from tiny_checkpoints import tiny_separate, tiny_shared


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def recipe(shop, tmp_path):
    return lambda more="", **changes: write_recipe(tmp_path / "rl.toml", shop, more, **changes)


@pytest.fixture(scope="session")
def separate(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("separate") / "checkpoint", trained=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return tiny_shared(tmp_path_factory.mktemp("shared") / "checkpoint")
