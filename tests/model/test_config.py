import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.model import LremConfig
from engine.model.config import CONFIG_FILE, FramingConfig, Origin

CONFIG = LremConfig(
    towers="separate",
    dimension=32,
    max_query_tokens=64,
    max_item_tokens=128,
    max_thought_tokens=16,
    item_template="1",
    framing=FramingConfig("plain", "Query: {query}", "Item: {item}"),
    reasoner=Origin("some/lm"),
    embedder=Origin("some/encoder"),
    training={"recipe": "none"},
)


@pytest.fixture
def directory(tmp_path):
    for name in ("reasoner", "embedder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    CONFIG.save(tmp_path)
    return tmp_path


def change(directory, **changes):
    file = directory / CONFIG_FILE
    values = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({k: v for k, v in values.items() if v != "REMOVE"}))


def test_what_is_saved_is_loaded(directory):
    assert LremConfig.load(directory) == CONFIG


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 1}, ["unknown", "colour"]),
        ({"dimension": "32"}, ["dimension", "whole number", '"32"']),
        ({"dimension": True}, ["dimension", "true"]),
        ({"max_thought_tokens": 0}, ["max_thought_tokens", "above 0"]),
        ({"towers": "twin"}, ["towers", "shared", "twin"]),
        ({"dimension": "REMOVE"}, ["lacks", "dimension"]),
        ({"reasoner": {"base": "x", "trained": "yes"}}, ["reasoner", "trained", "yes"]),
        ({"reasoner": []}, ["reasoner", "object"]),
        ({"format_version": 2}, ["format version 2", "up to 1"]),
        ({"embedder": None}, ["separate", "embedder"]),
        ({"framing": None}, ["framing"]),
        ({"towers": "shared", "reasoner": None}, ["shared", "reasoner"]),
        (
            {"framing": {"style": "plain", "query": "Query:", "item": "{item}"}},
            ["framing.query", "{query}"],
        ),
    ],
)
def test_a_bad_field_is_named(directory, changes, words):
    change(directory, **changes)
    with pytest.raises(ModelError) as raised:
        LremConfig.load(directory)
    assert all(word in raised.value.message for word in words)
    assert raised.value.remedy


def test_not_a_checkpoint(tmp_path):
    with pytest.raises(ModelError, match="not an LREM checkpoint"):
        LremConfig.load(tmp_path)


def test_not_json(directory):
    (directory / CONFIG_FILE).write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        LremConfig.load(directory)


def test_a_missing_tower_is_named(directory):
    (directory / "embedder" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"embedder/config\.json"):
        LremConfig.load(directory)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from([*json.loads(json.dumps(list(CONFIG.__slots__))), "other"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=JSON | st.dictionaries(FIELDS, JSON))
def test_no_json_breaks_it(directory, values):
    (directory / CONFIG_FILE).write_text(json.dumps(values))
    try:
        LremConfig.load(directory)
    except ModelError as error:
        assert error.message
