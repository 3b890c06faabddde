"""A killed run is continued by running it again, whenever it was killed."""

import random
import sys
from itertools import cycle

import numpy as np
import pytest
from conftest import assert_same, contents, product, write_catalog
from killing import Runs, copied
from tiny_checkpoints import tiny_separate

from engine.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

N = 600
KINDS = {
    "first": {},
    "update": {"delete_missing": True},
    "rebuild": {"rebuild": True, "checkpoint": 1},
}


def changed(n):
    """The n-th product a day later."""
    return {**product(n), "title": f"better tent {n}"} if n % 3 else product(n)


class World:
    """A collection that stands, and what each kind of run makes of it when nothing happens."""

    def __init__(self, folder, checkpoint):
        self.folder = folder
        self.ids = [f"p{n}" for n in range(N + 50)]
        self.old = write_catalog(folder / "old.jsonl", map(product, range(N)))
        self.new = write_catalog(folder / "new.jsonl", map(changed, range(40, N + 50)))
        other = tiny_separate(folder / "other", seed=3)
        self.runs = Runs(checkpoint, other)
        self.standing = folder / "standing.db"
        assert not self.runs.run(self.old, str(self.standing)).killed
        self.before = self.look(self.standing)
        self.wanted, self.whole = {}, {}
        for kind in KINDS:
            path = self.fresh(kind)
            self.whole[kind] = self.run(kind, path)
            self.wanted[kind] = self.look(path)

    def fresh(self, kind):
        """A copy of the collection that stands, or none for a first run."""
        path = self.folder / f"{kind}{len(list(self.folder.iterdir()))}.db"
        return path if kind == "first" else copied(self.standing, path)

    def run(self, kind, path, **when):
        return self.runs.run(self.new, str(path), **KINDS[kind], **when)

    def look(self, path):
        with Store(str(path)) as store:
            found = contents(store, "products", self.ids)
            collection = store.open("products")
            assert collection.manifest.complete
            assert collection.manifest.products == len(found)
            assert collection.index_state().built
            assert store.builds.published("products") == collection.milvus_name
            assert len(store.builds.milvus_names()) == 1
            assert sorted(id_ for ids in collection.ids() for id_ in ids) == sorted(found)
            return found

    def look_after_a_kill(self, kind, path):
        """What is searched after a killed rebuild is the old collection or the new, whole."""
        if kind != "rebuild":
            return
        with Store(str(path)) as store:
            found = contents(store, "products", self.ids)
        old = len(found) == N and "p0" in found
        assert_same(found, self.before if old else self.wanted[kind])

    def kill_and_go_on(self, kind, *moments):
        """Kill a run at each moment, starting it again in between, then run to the end.

        Returns:
            How each run ended but the last, and the greatest difference of a vector.

        Raises:
            AssertionError: A product is missing, too many, or another.
        """
        path = self.fresh(kind)
        ended = []
        for when in moments:
            ended.append(self.run(kind, path, **when))
            if ended[-1].killed:
                self.look_after_a_kill(kind, path)
        assert not self.run(kind, path).killed
        found, wanted = self.look(path), self.wanted[kind]
        assert_same(found, wanted)
        return ended, max(
            float(np.abs(found[id_]["vector"] - wanted[id_]["vector"]).max()) for id_ in wanted
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory, checkpoint):
    world = World(tmp_path_factory.mktemp("kill"), checkpoint)
    with world.runs:
        yield world


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("first", "encode"),
        ("first", "index 0"),
        ("first", "switch"),
        ("update", "delete"),
        ("rebuild", "index 0"),
        ("rebuild", "switch"),
    ],
)
def test_killed_in_a_phase(world, kind, at):
    (killed,), _ = world.kill_and_go_on(kind, {"at": at})
    assert killed.phase.startswith(at)


def test_killed_again_and_again(world):
    moments = [{"at": "encode 100"}, {"at": "encode 300"}, {"at": "index 0"}, {"at": "switch 0"}]
    ended, _ = world.kill_and_go_on("rebuild", *moments)
    assert [run.phase for run in ended] == [moment["at"] for moment in moments]


@pytest.mark.parametrize("kind", KINDS)
def test_killed_before_an_operation_of_the_file_system(world, kind):
    operation = random.Random(kind).randrange(world.whole[kind].operations)
    (killed,), _ = world.kill_and_go_on(kind, {"before_operation": operation})
    assert killed.killed


@pytest.mark.slow
def test_killed_at_twenty_random_moments(world, capsys):
    random_moments = random.Random(5)
    lines = ["run      killed after  in the phase                            restarts  differences"]
    kinds, kills = cycle(KINDS), 0
    while kills < 20:
        kind = next(kinds)
        whole = world.whole[kind]
        moments = [
            {"after": random_moments.uniform(0, whole.seconds)},
            {"before_operation": random_moments.randrange(whole.operations)},
        ][: random_moments.choice((1, 2, 2))]
        ended, difference = world.kill_and_go_on(kind, *moments)
        killed = [run for run in ended if run.killed]
        kills += len(killed)
        for number, run in enumerate(killed, 1):
            how = f"{run.seconds:9.2f} s   {run.phase:40}"
            lines.append(f"{kind:8} {how} {number:7}  none, vectors {difference:.0e}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
