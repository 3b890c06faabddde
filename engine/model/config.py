"""``lrem_config.json``: what a checkpoint is, checked field by field when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from engine.errors import ModelError

CONFIG_FILE = "lrem_config.json"
FORMAT_VERSION = 1
REASONER_FOLDER = "reasoner"
EMBEDDER_FOLDER = "embedder"
THINK, END_THINK, EMB = "<think>", "</think>", "<emb>"
SPECIAL_TOKENS = (THINK, END_THINK, EMB)

Towers = Literal["shared", "separate"]
Style = Literal["plain", "chat"]


@dataclass(frozen=True, slots=True)
class FramingConfig:
    """The words around a query and an item.

    Attributes:
        style: ``chat`` runs them through the tokenizer's chat template, ``plain`` does not.
        query: Text with one ``{query}``.
        item: Text with one ``{item}``; used by shared towers only.
        system: System message of the chat style; empty for none.
    """

    style: Style
    query: str
    item: str
    system: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights of one tower come from.

    Attributes:
        base: The model they started from, as it was named.
        trained: Whether they were trained for LREM since. A reasoner that was not does not reason.
    """

    base: str
    trained: bool = False


@dataclass(frozen=True, slots=True)
class LremConfig:
    """Everything about a checkpoint that is not weights or tokenizer.

    Attributes:
        towers: ``shared`` (one causal LM, arXiv 2510.14321) or ``separate`` (an LM reasons, a light
            encoder embeds).
        dimension: Width of the vectors.
        max_query_tokens: Longer queries are cut.
        max_item_tokens: Longer item texts are cut.
        max_thought_tokens: The ``l`` of the paper: most tokens a CoT may have.
        item_template: Version of the item text template the towers expect.
        framing: Present wherever there is a reasoner.
        reasoner: The causal LM; absent in separate towers that only embed.
        embedder: The encoder of separate towers.
        training: Provenance: recipe, data hashes, seeds, results. Free-form; never read back.
        format_version: Version of this file's format.
    """

    towers: Towers
    dimension: int
    max_query_tokens: int
    max_item_tokens: int
    max_thought_tokens: int
    item_template: str
    framing: FramingConfig | None = None
    reasoner: Origin | None = None
    embedder: Origin | None = None
    training: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def can_reason(self) -> bool:
        """Whether the checkpoint has a reasoner that was trained to reason."""
        return self.reasoner is not None and self.reasoner.trained

    @property
    def reason_note(self) -> str:
        """Whether it reasons, and if not why, in words for a person."""
        if self.can_reason:
            return f"reasons in at most {self.max_thought_tokens} tokens"
        if self.reasoner is None:
            return "the checkpoint has no reasoner; queries are embedded directly"
        return "the reasoner was never trained to reason; queries are embedded directly"

    def save(self, directory: Path) -> None:
        """Write ``lrem_config.json``.

        Args:
            directory: The checkpoint's directory; must exist.
        """
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (directory / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> LremConfig:
        """Read and check ``lrem_config.json``.

        Args:
            directory: The checkpoint's directory.

        Returns:
            The configuration.

        Raises:
            ModelError: Missing, not JSON, written by a newer format, or a field that is unknown,
                missing, of the wrong type or out of range.
        """
        path = directory / CONFIG_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(
                f"{directory} is not an LREM checkpoint: it has no {CONFIG_FILE}.",
                f"Make one from this model: lrem model init DIR --embedder {directory}",
            ) from None
        except ValueError as error:
            raise ModelError(
                f"{path} is not JSON: {error}.", "Restore it from the checkpoint's source."
            ) from error
        if isinstance(values, dict):
            _check_version(path, values.get("format_version"))
        config = _parse(cls, values, str(path))
        _check_layout(config, path)
        return config


T = TypeVar("T")

_CHECKS: dict[str, tuple[str, Any]] = {
    "Towers": ('"shared" or "separate"', lambda v: v in get_args(Towers)),
    "Style": ('"plain" or "chat"', lambda v: v in get_args(Style)),
    "str": ("a string", lambda v: isinstance(v, str)),
    "bool": ("true or false", lambda v: isinstance(v, bool)),
    "int": ("a whole number above 0", lambda v: type(v) is int and v > 0),
    "dict[str, Any]": ("an object", lambda v: isinstance(v, dict)),
}
_PARTS: dict[str, type[Any]] = {"FramingConfig | None": FramingConfig, "Origin | None": Origin}


def _parse(kind: type[T], values: Any, where: str) -> T:
    remedy = "Restore the file, or make the checkpoint anew: lrem model init --help"
    if not isinstance(values, dict):
        raise ModelError(f"{where} must be an object, not {json.dumps(values)[:80]}.", remedy)
    declared = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(declared)):
        raise ModelError(f"{where} has unknown fields: {', '.join(unknown)}.", remedy)
    parsed = {}
    for name, value in values.items():
        type_name = str(declared[name].type)
        if part := _PARTS.get(type_name):
            parsed[name] = None if value is None else _parse(part, value, f"{where}: {name}")
            continue
        expected, is_valid = _CHECKS[type_name]
        if not is_valid(value):
            found = json.dumps(value)[:80]
            raise ModelError(f"{where}: {name} must be {expected}, not {found}.", remedy)
        parsed[name] = value
    try:
        return kind(**parsed)
    except TypeError:
        missing = sorted(f for f in declared if f not in values)
        raise ModelError(f"{where} lacks fields: {', '.join(missing)}.", remedy) from None


def _check_version(path: Path, version: Any) -> None:
    if type(version) is int and version > FORMAT_VERSION:
        raise ModelError(
            f"{path} has format version {version}; this lrem reads up to {FORMAT_VERSION}.",
            "Upgrade: pip install -U lrem",
        )


def _check_layout(config: LremConfig, path: Path) -> None:
    parts = {"reasoner": config.reasoner, "embedder": config.embedder, "framing": config.framing}
    needed = {"reasoner", "framing"} if config.towers == "shared" else {"embedder"}
    if config.reasoner is not None:
        needed.add("framing")
    absent = sorted(name for name in needed if parts[name] is None)
    if absent:
        raise ModelError(
            f"{path}: towers are {config.towers}, but {' and '.join(absent)} is null.",
            "Make the checkpoint anew: lrem model init --help",
        )
    if config.framing is not None:
        for name, text in (("query", config.framing.query), ("item", config.framing.item)):
            if text.count(f"{{{name}}}") != 1:
                raise ModelError(
                    f"{path}: framing.{name} must hold {{{name}}} exactly once, not {text!r}.",
                    "Put the placeholder where the text belongs.",
                )
    for name in (REASONER_FOLDER, EMBEDDER_FOLDER):
        if parts[name] is not None and not (path.parent / name / "config.json").is_file():
            raise ModelError(
                f"{path.parent} is incomplete: {name}/config.json is missing.",
                "Copy or download the whole checkpoint again.",
            )
