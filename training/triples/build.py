"""The construction of triples: teacher, rules, retriever, relevance, split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from training.errors import TrainingError
from training.triples.item_filter import ItemFilter, filtered
from training.triples.items import Items
from training.triples.progress import OnProgress
from training.triples.queries import Query
from training.triples.relevance import KnownItems
from training.triples.rules import Rules, clean
from training.triples.schema import COLD_START, RL, TRIPLES_SCHEMA
from training.triples.split import rl_queries
from training.triples.teachers import Teacher

Source = Literal["known", "none"]


@dataclass(frozen=True, slots=True)
class Built:
    """Triples, and how they came about.

    Attributes:
        table: Rows of ``TRIPLES_SCHEMA``.
        counts: Step to count, in the order of the steps.
        notes: What a user should know, for a person.
    """

    table: pa.Table
    counts: dict[str, int]
    notes: list[str]


def build_triples(
    queries: Sequence[Query],
    teacher: Teacher,
    items: Items,
    chosen_by: ItemFilter | Source,
    *,
    rules: Rules,
    rl_share: float,
    seed: int,
    on_progress: OnProgress,
) -> Built:
    """Make Query-CoT-Item triples (arXiv 2510.14321, training data).

    Args:
        queries: No text and no id twice.
        teacher: Writes the CoTs.
        items: The catalog; may be empty if ``chosen_by`` is ``none``. Its brands go to the rules.
        chosen_by: An item filter: the items that the CoT brought and the judge finds relevant.
            ``known``: each query's known items as they are. ``none``: no items.
        rules: For the clean-up.
        rl_share: Share of the queries with items whose triples are for reinforcement learning.
        seed: Of that split.
        on_progress: Told how far each step is.

    Returns:
        The triples.

    Raises:
        TrainingError: A step leaves nothing; says which one.
    """
    counts: Counter[str] = Counter({"queries": len(queries)})
    # What cannot work must fail before a teacher is paid.
    if isinstance(chosen_by, ItemFilter):
        chosen_by.check(items)
    known = _known(queries, items)
    if chosen_by == "known" or (
        isinstance(chosen_by, ItemFilter) and isinstance(chosen_by.judge, KnownItems)
    ):
        _check_known(queries, known, counts)
    answers = teacher.answer([query.text for query in queries], on_progress)
    counts.update(answers.counts)
    counts["queries without an answer"] = len(queries) - len(answers.texts)
    if not answers.texts:
        raise TrainingError(
            f"The teacher {teacher.name} has no thought for any of {len(queries):,} queries.",
            "; ".join(answers.notes) or "Look at its answers in the file beside the output.",
        )
    notes = answers.notes
    cots = _clean(queries, answers.texts, replace(rules, brands=items.brands), counts)
    thought = [query for query in queries if query.text in cots]
    if isinstance(chosen_by, ItemFilter):
        chosen = filtered(thought, cots, items, chosen_by, counts, on_progress)
        thought = [query for query in thought if query.text in chosen]
        notes = [*notes, *filter(None, [chosen_by.judge.note])]
    else:
        wanted = thought if chosen_by == "known" else ()
        chosen = {query.text: known[query.text] for query in wanted if known[query.text]}
        counts["queries for the reasoner alone"] = len(thought) - len(chosen)
    rl = rl_queries(chosen, rl_share, seed)
    table = _table(thought, cots, chosen, items, rl)
    counts["rl queries"] = len(rl)
    counts["rl triples"] = sum(len(chosen[text]) for text in rl)
    counts["cold-start queries"] = len(thought) - len(rl)
    counts["cold-start triples"] = table.num_rows - counts["rl triples"]
    return Built(table, dict(counts), notes)


def _clean(
    queries: Sequence[Query], answers: dict[str, str], rules: Rules, counts: Counter[str]
) -> dict[str, tuple[str, ...]]:
    """Text of a query to its CoT, where the rules leave any."""
    cots, dropped = {}, Counter[str]()
    for query in queries:
        if query.text in answers:
            cot, found = clean(answers[query.text], query.text, query.kind, rules)
            dropped.update(found)
            if cot:
                cots[query.text] = cot
    counts["keyphrases"] = dropped.pop("phrases")
    counts.update({f"keyphrases dropped: {rule}": count for rule, count in dropped.items()})
    counts["queries without a keyphrase left"] = len(answers) - len(cots)
    if not cots:
        raise TrainingError(
            f"The rules leave no keyphrase of {counts['keyphrases']:,}.",
            "Look at the teacher's answers; a stronger teacher is needed.",
        )
    return cots


def _known(queries: Sequence[Query], items: Items) -> dict[str, list[int]]:
    """Text of a query to the positions of its known items, as far as the catalog has them."""
    positions = {id_: position for position, id_ in enumerate(items.ids)}
    return {
        query.text: [positions[id_] for id_ in query.items if id_ in positions] for query in queries
    }


def _check_known(
    queries: Sequence[Query], known: dict[str, list[int]], counts: Counter[str]
) -> None:
    named = sum(len(query.items) for query in queries)
    there = sum(map(len, known.values()))
    counts["known items that are not in the catalog"] = named - there
    counts["queries without a known item"] = sum(not known[query.text] for query in queries)
    if not named:
        raise TrainingError(
            f"None of {len(queries):,} queries has a known item.",
            "Bring some (a column items, or --qrels), or choose another --relevance or --items.",
        )
    if not there:
        raise TrainingError(
            f"None of {named:,} known items is in the catalog.",
            "Check that queries and catalog have the same item ids.",
        )


def _table(
    queries: Sequence[Query],
    cots: dict[str, tuple[str, ...]],
    chosen: dict[str, list[int]],
    items: Items,
    rl: set[str],
) -> pa.Table:
    """One row a query and item; a query without an item has one row, for the reasoner alone."""
    rows = [
        {
            "query_id": query.id,
            "query": query.text,
            "cot": list(cots[query.text]),
            "item_id": None if item is None else items.ids[item],
            "item_text": None if item is None else items.texts[item],
            "kind": query.kind,
            "split": RL if query.text in rl else COLD_START,
        }
        for query in queries
        for item in chosen.get(query.text, [None])
    ]
    return pa.Table.from_pylist(rows, schema=TRIPLES_SCHEMA)
