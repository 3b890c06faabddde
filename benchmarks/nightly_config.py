"""The TOML file that says what a nightly run runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gates import Gate, parse_gate
from benchmarks.measures import DEFAULT_MEASURES
from catalog.errors import LremError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE_KINDS = {
    "model": "a string",
    "out": "a string",
    "dataset": "a list of tables",
    "gates": "a list of strings",
    "k": "a whole number",
    "measures": "a list of strings",
}
_DATASET_KINDS = {
    "path": "a string",
    "systems": "a list of strings",
    "min_relevance": "a number",
}


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A ``[[dataset]]`` table of the file.

    Attributes:
        path: ``FOLDER`` or ``FOLDER:SPLIT``.
        systems: Names.
        min_relevance: None: what the data set says.
    """

    path: str
    systems: tuple[str, ...]
    min_relevance: float | None


@dataclass(frozen=True, slots=True)
class Config:
    """A nightly file.

    Attributes:
        model: LREM checkpoint, directory or hub id.
        out: Folder for runs, history and report.
        datasets: To run.
        gates: That every system must pass against the last good run.
        k: Candidates a query.
        measures: Names.
    """

    model: str
    out: Path
    datasets: tuple[DatasetEntry, ...]
    gates: tuple[Gate, ...]
    k: int
    measures: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a nightly file.

        Raises:
            LremError: It is missing, no TOML, lacks or misspells a key, a value is of another kind,
                or a gate's measure is not among its measures.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LremError(f"{path}: {error.strerror}.", "Name a TOML file.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LremError(f"{path}: {error}", "Correct the TOML.") from error
        _check(path, values, _FILE_KINDS, {"gates", "k", "measures"})
        for entry in values["dataset"]:
            _check(path, entry, _DATASET_KINDS, {"min_relevance"})
        measures = tuple(values.get("measures", DEFAULT_MEASURES))
        gates = tuple(map(parse_gate, values.get("gates", [])))
        for gate in gates:
            if gate.measure not in measures:
                raise LremError(
                    f"{path}: the measure of the gate '{gate}' is not among its measures.",
                    f"Add it to measures, or gate one of {', '.join(measures)}.",
                )
        return cls(
            model=values["model"],
            out=Path(values["out"]),
            datasets=tuple(
                DatasetEntry(d["path"], tuple(d["systems"]), d.get("min_relevance"))
                for d in values["dataset"]
            ),
            gates=gates,
            k=values.get("k", 100),
            measures=measures,
        )


def _check(
    path: Path, values: dict[str, Any], kinds: Mapping[str, str], optional: set[str]
) -> None:
    missing, unknown = set(kinds) - optional - set(values), set(values) - set(kinds)
    if missing or unknown:
        what = f"lacks {min(missing)!r}" if missing else f"has an unknown key {min(unknown)!r}"
        raise LremError(
            f"{path} {what}.",
            f"It takes {', '.join(sorted(set(kinds) - optional))} and, if you like, "
            f"{', '.join(sorted(optional))}.",
        )
    for key, value in values.items():
        if not _is(value, kinds[key]):
            raise LremError(f"{path}: {key!r} is {value!r}.", f"It must be {kinds[key]}.")


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of a kind."""
    if kind == "a list of strings":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    if kind == "a list of tables":
        return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
    if kind == "a whole number":
        return isinstance(value, int) and value > 0
    return isinstance(value, str if kind == "a string" else (int, float))
