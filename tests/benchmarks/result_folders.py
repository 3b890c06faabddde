"""Results of systems written by hand, as `lrem bench run` leaves them."""

from dataclasses import replace

from benchmarks.answers import Answer, write_queries
from benchmarks.measures import mean
from benchmarks.results import Results
from engine.results import Candidate

RESULTS = Results(
    format=1,
    system="a",
    dataset="hand-made",
    dataset_hash="0" * 64,
    fingerprint="f" * 64,
    k=10,
    queries=0,
    missed=0,
    errors={},
    warnings=[],
    measures={},
    groups={},
    latency_ms={},
    recall_curve={"1": 0.1, "2": 0.2, "10": 0.3},
    ann_recall=None,
    versions={"lrem": "0"},
    machine={"cpu": "paper", "cores": 1, "device": "cpu", "dtype": "float32"},
    time="2026-01-01T00:00:00+00:00",
)


def write_system(folder, values, *, kinds=None, thoughts=None, texts=None, titles=None, **changes):
    """A system's folder from measure to list of values, one a query; returns the folder."""
    folder.mkdir(parents=True)
    count = len(next(iter(values.values())))
    ids = [f"q{i}" for i in range(count)]
    groups = {id: {"kind": kinds[i]} if kinds and kinds[i] else {} for i, id in enumerate(ids)}
    by_query = {m: dict(zip(ids, listed, strict=True)) for m, listed in values.items()}
    titles = titles or {"p": f"a hit of {folder.name}"}
    write_queries(
        folder / "queries.parquet",
        dict(zip(ids, texts or [f"query {i}" for i in range(count)], strict=True)),
        groups,
        [
            Answer(id, [Candidate(p, 1.0) for p in titles], thoughts[i] if thoughts else None)
            for i, id in enumerate(ids)
        ],
        by_query,
        titles,
    )
    members = {}
    for id, group in groups.items():
        members.setdefault(group.get("kind"), []).append(id)
    by_kind = {
        kind: {"queries": len(m), **{n: mean(v[i] for i in m) for n, v in by_query.items()}}
        for kind, m in members.items()
        if kind
    }
    results = replace(
        RESULTS,
        system=folder.name,
        queries=count,
        measures={m: mean(listed) for m, listed in values.items()},
        groups={"kind": by_kind} if by_kind else {},
    )
    replace(results, **changes).write(folder)
    return folder
