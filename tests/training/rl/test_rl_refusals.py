"""What a run refuses before it starts, and in which words."""

import pyarrow as pa
import pytest
from tiny_checkpoints import tiny_separate

from training.errors import TrainingError
from training.rl.data import schedule
from training.rl.run import train_rl
from training.triples.schema import TRIPLES_SCHEMA, write_triples

ROW = {
    "query_id": "q1",
    "query": "gift for dad",
    "cot": [],
    "item_id": "P1",
    "item_text": "rod",
    "kind": None,
    "split": "rl",
}


@pytest.fixture
def refused(shop, separate, tmp_path):
    def message(recipe, rows=None, checkpoint=separate, out="run"):
        triples = shop / "triples.parquet"
        if rows is not None:
            triples = tmp_path / "triples.parquet"
            write_triples(pa.Table.from_pylist(rows, schema=TRIPLES_SCHEMA), triples)
        with pytest.raises(TrainingError) as error:
            train_rl(
                checkpoint, triples, recipe, tmp_path / out, device="cpu", progress=lambda *_: None
            )
        return f"{error.value.message} {error.value.remedy}"

    return message


def test_triples_without_the_split(refused, recipe):
    assert "no row of the split rl among its 1 rows" in refused(
        recipe(), [{**ROW, "split": "cold-start"}]
    )


def test_a_query_without_item(refused, recipe):
    assert "query q1 ('gift for dad') of the split rl has no item" in refused(
        recipe(), [{**ROW, "item_id": None, "item_text": None}]
    )


def test_fewer_queries_than_a_step_takes(refused, recipe):
    assert "1 queries of the split rl; a step takes 4" in refused(recipe(), [ROW])


def test_an_item_that_the_index_lacks(refused, recipe):
    rows = [{**ROW, "item_id": "elsewhere"}]
    assert "Item elsewhere of query q1 is not in" in refused(recipe('source = "index"'), rows)


def test_an_index_of_items_that_training_moves(refused, recipe, shared):
    assert "towers are shared" in refused(recipe('source = "index"'), checkpoint=shared)
    assert "gamma2 is not 0" in refused(recipe('source = "index"\n[loss]\ngamma2 = 0.1'))


def test_a_reasoner_that_was_never_trained(refused, recipe, tmp_path):
    checkpoint = tiny_separate(tmp_path / "base", reasoner=True)
    assert "lrem train cold-start" in refused(recipe(), checkpoint=checkpoint)


def test_contradictions_in_the_recipe(refused, recipe):
    assert "multiple of updates" in refused(recipe(updates=3, save_steps=2))
    assert "nothing to be ranked among" in refused(recipe(batch=1))
    assert "group" in refused(recipe(group=1))
    assert "unheard_of" in refused(recipe(unheard_of=1))


def test_a_directory_with_something_else_or_another_run(refused, recipe, tmp_path, shop, separate):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").touch()
    assert "is not a run" in refused(recipe(), out="taken")
    train_rl(
        separate,
        shop / "triples.parquet",
        recipe(steps=1),
        tmp_path / "run",
        device="cpu",
        progress=lambda *_: None,
    )
    assert "another recipe" in refused(recipe(steps=2))
    other = [{**ROW, "query_id": f"q{i}"} for i in range(4)]
    assert "other content of: triples" in refused(recipe(steps=1), other)


def test_the_schedule_takes_every_query_equally_often():
    order = schedule(queries=10, per_step=4, steps=10, updates=1, seed=0)
    assert len(order) == 40
    assert sorted(order) == sorted([*range(10)] * 4)
    assert all(len({*order[i : i + 4]}) == 4 for i in range(0, 40, 4))
    assert order != schedule(queries=10, per_step=4, steps=10, updates=1, seed=1)


def test_the_schedule_repeats_a_rollouts_queries():
    order = schedule(queries=10, per_step=2, steps=5, updates=2, seed=0)
    assert len(order) == 10
    assert order[0:2] == order[2:4]
    assert order[4:6] == order[6:8]
    assert len(schedule(queries=10, per_step=4, steps=0, updates=2, seed=0)) == 2 * 2 * 4
