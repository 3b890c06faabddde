"""One index run a collection on a real server, whoever dies and whenever they begin."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine import lease
from engine.errors import StoreBusyError
from engine.manifest import Manifest
from engine.store import Store

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from engine.store import Store
with Store(sys.argv[1]) as store, store.leases.hold("leased"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "SETTLE_SECONDS", 0.5)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.3)


@pytest.fixture
def leased(store):
    """A store with a collection."""
    store.create("leased", manifest())
    return store


def manifest():
    return Manifest("./model", "fingerprint", "1", "template", 8)


def mark(store, **values):
    """What another run would have left at the collection."""
    text = json.dumps({"owner": "other", "host": "elsewhere", "pid": 1, "part": "", **values})
    store.open("leased").set_property(lease.PROPERTY, text)


def refuses(store, match, part=""):
    with pytest.raises(StoreBusyError, match=match), store.leases.hold("leased", part):
        pass


def test_a_second_run_is_refused_until_the_first_ends(leased, server):
    with Store(server.uri) as other:
        with leased.leases.hold("leased"):
            refuses(other, "is indexing into leased")
            with other.leases.hold("another"):
                pass
        with other.leases.hold("leased"):
            pass


def test_a_killed_run_on_this_machine_is_forgotten_at_once(leased, server):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, server.uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout.readline() == "held\n"
        refuses(leased, f"Process {process.pid} on")
        process.kill()
        process.wait()
        with leased.leases.hold("leased"):
            pass


def test_a_run_on_another_machine_is_given_up_when_it_is_silent(leased):
    now = time.time()
    mark(leased, began=now - 500, heard=now - 5)
    refuses(leased, "Process 1 on elsewhere")
    mark(leased, began=now - 500, heard=now - lease.DEAD_SECONDS - 1)
    with leased.leases.hold("leased"):
        pass


def test_runs_of_different_parts_go_side_by_side(leased, server):
    with Store(server.uri) as other, leased.leases.hold("leased", "1/3"):
        with other.leases.hold("leased", "2/3"):
            pass
        for part in ("1/3", ""):
            refuses(other, "is indexing", part)


def test_of_two_that_begin_in_one_moment_one_goes_on_at_most(store, server):
    for _ in range(3):
        went_on = []

        def first_build(went_on=went_on):
            with Store(server.uri) as other:
                try:
                    with other.leases.hold("race") as check:
                        other.build("race", manifest())
                        time.sleep(1)
                        check()
                        went_on.append(True)
                except StoreBusyError:
                    pass

        threads = [threading.Thread(target=first_build) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(went_on) <= 1
        if store.exists("race"):
            store.drop("race")


def test_a_run_that_lost_its_lease_stops(leased):
    with pytest.raises(StoreBusyError), leased.leases.hold("leased") as check:
        check()
        mark(leased, began=0.0, heard=time.time())
        for _ in range(50):
            time.sleep(0.1)
            check()
