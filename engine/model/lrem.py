"""LREM: a checkpoint that turns text into thoughts and vectors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from engine.errors import ModelError
from engine.model.checkpoint import find_checkpoint, upload, written
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.fingerprint import fingerprint
from engine.model.known import KnownThoughts
from engine.model.placement import Placement
from engine.model.runtimes.choice import QUANTISED, choose
from engine.model.sampling import Sampling
from engine.model.vectors import Vectors
from engine.results import OnThought, Thought


class TowerPair(Protocol):
    """What both layouts do; texts in, thoughts and L2-normalised float32 vectors out."""

    @property
    def reasoner(self) -> Any:
        """The ``Reasoner`` of torch, or the ``RuntimeReasoner`` of the CPU runtime."""

    def reason(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> list[Thought]:
        """Write a CoT for each query."""

    def embed_queries(self, queries: Sequence[str], thoughts: Sequence[Thought | None]) -> Vectors:
        """Embed queries with given CoTs."""

    def reason_and_embed(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> tuple[list[Thought], Vectors]:
        """Do both."""

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts."""


class LREM:
    """A checkpoint, loaded for inference. Its calls may come from several threads.

    Results are in input order whatever the batching. Texts of any length and script are taken;
    long ones are cut to the checkpoint's limits.

    Attributes:
        config: The checkpoint's configuration.
        source: As it was named: a directory or a hub id.
        directory: Where its files lie.
        fingerprint: SHA-256 of what decides its vectors and thoughts.
        towers: The layout at work; training and evaluation reach the models through it.
        known: Thoughts of known queries, which similar queries take; None if it has none.
    """

    def __init__(
        self, directory: Path, source: str, config: LremConfig, placement: Placement
    ) -> None:
        self.directory = directory
        self.source = source
        self.config = config
        self.fingerprint = fingerprint(directory, config)
        self._placement = placement
        self.towers = _load_towers(directory, config, placement)
        self.known = KnownThoughts.load(directory, config.dimension)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        device: str | None = None,
        dtype: str | None = None,
        revision: str | None = None,
    ) -> LREM:
        """Load a checkpoint.

        Args:
            source: A directory, or a hub id ``owner/name``, which is downloaded if need be.
            device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; None: the best one here.
            dtype: ``float32``, ``bfloat16`` or ``float16``; None: what runs fastest here. A
                checkpoint that was exported for the CPU runtime runs on it unless a dtype or
                another device is asked for.
            revision: Branch, tag or commit of a hub id.

        Returns:
            The checkpoint, ready to use. The reasoner of separate towers is loaded when first used.

        Raises:
            ModelError: No such checkpoint, a damaged one, or a device that is not here.
        """
        directory = find_checkpoint(source, revision)
        config = LremConfig.load(directory)
        return cls(directory, str(source), config, choose(directory, device, dtype))

    @property
    def dimension(self) -> int:
        """Width of the vectors."""
        return self.config.dimension

    @property
    def device(self) -> str:
        """Where the models run, as torch names it."""
        return self._placement.device

    @property
    def dtype(self) -> str:
        """Precision of the weights in memory; vectors are float32 whatever it is."""
        return self._placement.dtype

    @property
    def device_note(self) -> str:
        """Device and dtype, and why, in words for a person."""
        return self._placement.note

    @property
    def can_reason(self) -> bool:
        """Whether the checkpoint was trained to reason."""
        return self.config.can_reason

    @property
    def reason_note(self) -> str:
        """Whether it reasons, and if not why, in words for a person."""
        return self.config.reason_note

    def reason(
        self,
        queries: Sequence[str],
        *,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        on_thought: OnThought | None = None,
    ) -> list[Thought]:
        """Write a keyword CoT for each query.

        Args:
            queries: n queries.
            max_tokens: Most tokens of a CoT; None: the checkpoint's own limit.
            temperature: 0 decodes greedily, above 0 samples.
            seed: Makes sampling reproducible: a query's CoT then depends on the seed and the
                query's position alone. None: a fresh one.
            on_thought: Told of every thought as it is written, in the thread that decodes.

        Returns:
            n thoughts.

        Raises:
            ModelError: The checkpoint cannot reason; ask ``can_reason`` first.
        """
        sampling = self._sampling(max_tokens, temperature, seed)
        return self.towers.reason(queries, sampling, on_thought)

    def embed_queries(
        self, queries: Sequence[str], thoughts: Sequence[Thought | None] | None = None
    ) -> Vectors:
        """Embed queries with given thoughts (eq. 5 of arXiv 2510.14321).

        Args:
            queries: n queries.
            thoughts: One for each query. None, for all or for one, is an empty CoT: shared towers
                then read ``<think></think><emb>``, separate towers the bare query.

        Returns:
            Float32 [n, dim], L2-normalised.

        Raises:
            ModelError: A vector is not finite.
            ValueError: The numbers of queries and thoughts differ.
        """
        given = [None] * len(queries) if thoughts is None else list(thoughts)
        if len(given) != len(queries):
            raise ValueError(f"{len(queries)} queries but {len(given)} thoughts")
        return self.towers.embed_queries(queries, given)

    def reason_and_embed(
        self,
        queries: Sequence[str],
        *,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        on_thought: OnThought | None = None,
    ) -> tuple[list[Thought], Vectors]:
        """Reason and embed; shared towers do both in one pass on one KV cache.

        Args:
            queries: n queries.
            max_tokens: As in ``reason``.
            temperature: As in ``reason``.
            seed: As in ``reason``.
            on_thought: As in ``reason``.

        Returns:
            n thoughts, and float32 [n, dim], L2-normalised.

        Raises:
            ModelError: The checkpoint cannot reason, or a vector is not finite.
        """
        sampling = self._sampling(max_tokens, temperature, seed)
        return self.towers.reason_and_embed(queries, sampling, on_thought)

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts (eq. 6 of arXiv 2510.14321); items are never reasoned about.

        Args:
            texts: n item texts.

        Returns:
            Float32 [n, dim], L2-normalised.

        Raises:
            ModelError: A vector is not finite.
        """
        return self.towers.embed_items(texts)

    def save_pretrained(self, directory: str | Path) -> Path:
        """Copy the checkpoint, bit for bit, in the precision it has on disk.

        Weights changed in memory are not in the copy: training writes those through
        ``save_checkpoint``.

        Args:
            directory: New, empty, or an LREM checkpoint, which is replaced in one step.

        Returns:
            The directory.

        Raises:
            ModelError: Something else lies there.
        """
        with written(Path(directory), replace=True) as folder:
            shutil.copytree(self.directory, folder, dirs_exist_ok=True)
        return Path(directory)

    def push_to_hub(self, repo_id: str, *, private: bool = True) -> str:
        """Upload the checkpoint to a model hub.

        Args:
            repo_id: ``owner/name``; made if it does not exist.
            private: Whether a repository that is made here is private.

        Returns:
            The address of the commit.

        Raises:
            ModelError: Not logged in, no access, or no network.
        """
        return upload(self.directory, repo_id, private)

    def _sampling(self, max_tokens: int | None, temperature: float, seed: int | None) -> Sampling:
        if not self.can_reason:
            raise ModelError(
                f"{self.source} cannot reason: {self.reason_note}.",
                "Embed directly (--reason never), or use a checkpoint trained to reason.",
            )
        limit = self.config.max_thought_tokens if max_tokens is None else max_tokens
        return Sampling(limit, temperature, seed)


def _load_towers(directory: Path, config: LremConfig, placement: Placement) -> TowerPair:
    if placement.dtype == QUANTISED:
        from engine.model.runtimes.towers import load_runtime_towers

        return load_runtime_towers(directory, config)
    from engine.model.reasoner import load_reasoner

    reasoner_folder = directory / REASONER_FOLDER
    if config.towers == "shared":
        from engine.model.shared import SharedTowers

        return SharedTowers(load_reasoner(reasoner_folder, config, placement))
    from engine.model.encoder import Encoder
    from engine.model.loading import load_encoder
    from engine.model.separate import SeparateTowers

    model = load_encoder(directory / EMBEDDER_FOLDER, placement.device, placement.torch_dtype)
    return SeparateTowers(
        Encoder(model, config.max_item_tokens, config.max_query_tokens),
        lambda: load_reasoner(reasoner_folder, config, placement),
    )
