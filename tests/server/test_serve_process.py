"""The service as a process: it says what it serves, ends in order, and survives being killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import numpy as np
import pytest
from serving import serving
from serving_shop import PRODUCTS
from sse import events

from catalog import Product, item_text
from engine import Engine

STARTS_WITHIN = 90
SLOWLY = ("--max-batch", "1", "--deadline-ms", "60000")


@contextmanager
def process(shop, model, tmp_path, *arguments):
    """`lrem serve` as a user starts it; gives the process, its URL and what it said."""
    command = [sys.executable, "-m", "cli", "serve", "--uri", str(shop), "--model", str(model)]
    started = subprocess.Popen(
        [*command, "--port", "0", "--device", "cpu", "--dtype", "float32", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LREM_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "200"},
    )
    timer = threading.Timer(STARTS_WITHIN, started.kill)
    timer.start()
    said = ""
    try:
        for line in started.stderr:
            said += line
            if found := re.search(r"Serving (http://\S+?)[,;]", line):
                break
        timer.cancel()
        assert found, said
        yield started, found[1], said
    finally:
        timer.cancel()
        started.kill()
        started.wait()
        started.stderr.close()


QUERIES = [f"gift for dad number {number}" for number in range(40)]


def asked_for(pool, url):
    """Three batches and a stream that are under way together."""
    batch = {"queries": QUERIES, "reason": "always"}
    asked = [
        pool.submit(
            httpx.post, f"{url}/v1/search:batch", json={**batch, "diversify": i / 10}, timeout=60
        )
        for i in range(3)
    ]
    body, headers = {"q": "boots", "reason": "always"}, {"Accept": "text/event-stream"}
    asked.append(
        pool.submit(httpx.post, f"{url}/v1/search", json=body, headers=headers, timeout=60)
    )
    while not any(one.done() for one in asked):
        if "lrem_queue_length 4.0" in httpx.get(f"{url}/metrics").text:
            return asked
    raise AssertionError("they were done too soon")


def check_answered(asked):
    *batches, stream = [one.result() for one in asked]
    for answer in batches:
        assert answer.status_code == 200
        assert all(result["reasoned"] for result in answer.json()["results"])
    assert events(stream.text.split("\n"))[-1][0] == "result"


def test_what_was_taken_is_finished_when_the_service_ends(uncached):
    with ThreadPoolExecutor(4) as pool:
        with serving(uncached, max_batch=1, deadline_ms=60_000) as url:
            asked = asked_for(pool, url)
            assert not all(one.done() for one in asked)
        check_answered(asked)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.mark.slow
def test_it_says_what_it_serves_and_ends_in_order_when_told_to(model, tmp_path, own_engine):
    path = own_engine._store.uri
    own_engine.close()
    with (
        process(path, model, tmp_path, *SLOWLY, "--no-cache") as (server, url, said),
        ThreadPoolExecutor(4) as pool,
    ):
        assert str(model) in said
        assert "cpu, float32" in said
        assert "30 products in memory" in said
        asked = asked_for(pool, url)
        server.send_signal(signal.SIGTERM)
        check_answered(asked)
        assert server.wait(60) == 0
        assert server.stderr.read() == ""


@pytest.mark.slow
def test_a_service_killed_while_it_writes_leaves_the_collection_whole(
    model, lrem, tmp_path, own_engine
):
    path = own_engine._store.uri
    own_engine.close()
    rng = np.random.default_rng(7)
    stored = {product["id"]: product["title"] for product in PRODUCTS}
    sent = dict(stored)
    for round_ in range(2):
        with (
            process(path, model, tmp_path, "--allow-writes", "--no-cache") as (server, url, _),
            ThreadPoolExecutor(6) as pool,
        ):
            stop = threading.Event()

            def write(thread, round_=round_, url=url, stop=stop):
                number = 0
                while not stop.is_set():
                    ids = [f"r{round_}-{thread}-{number}-{i}" for i in range(8)]
                    batch = {id: f"paint brush set {id}" for id in ids}
                    sent.update(batch)
                    products = [{"id": id, "title": title} for id, title in batch.items()]
                    with suppress(httpx.TransportError):
                        body = {"products": products}
                        answer = httpx.post(f"{url}/v1/products:upsert", json=body, timeout=30)
                        if answer.status_code == 200:
                            stored.update(batch)
                    number += 1

            def search(url=url, stop=stop):
                while not stop.is_set():
                    with suppress(httpx.TransportError):
                        body = {"q": "paint brush set", "reason": "never"}
                        httpx.post(f"{url}/v1/search", json=body, timeout=30)

            for thread in range(4):
                pool.submit(write, thread)
            pool.submit(search)
            before = len(stored)
            while len(stored) == before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.1, 1.5))
            server.kill()
            server.wait()
            stop.set()
        with Engine.open(path, lrem=lrem) as engine:
            ids = [id for some in engine.collection.ids() for id in some]
            kept = engine.collection.fetch(ids, vectors=True)
            assert len(ids) == len(set(ids)) == engine.collection.count()
            assert stored.keys() <= kept.keys() <= sent.keys()
            texts = []
            for id, product in kept.items():
                assert product["title"] == sent[id]
                fields = {name: value for name, value in product.items() if name != "vector"}
                texts.append(item_text(Product(**fields)))
            vectors = np.stack([product["vector"] for product in kept.values()])
            assert np.allclose(vectors, lrem.embed_items(texts), atol=1e-5)
            assert engine.search("paint brush set", reason="never").hits
    assert len(stored) > len(PRODUCTS) + 32
