"""An exported causal LM: its session, and a batch of rows with their key-value cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class CausalLM:
    """A session of the graph that ``engine/model/export/llama.py`` writes. Safe in threads.

    Args:
        session: The weights.
        max_tokens: Most tokens of a sequence.

    Attributes:
        session: As given.
        max_tokens: As given.
        layers: Number of layers.
        heads: Key-value heads of a layer.
        width: Width of a head.
        vocabulary: Rows of the output.
    """

    def __init__(self, session: InferenceSession, max_tokens: int) -> None:
        self.session = session
        self.max_tokens = max_tokens
        shapes = {entry.name: entry.shape for entry in session.get_inputs()}
        self.layers = sum(name.startswith("past_keys_") for name in shapes)
        _, self.heads, _, self.width = shapes["past_keys_0"]
        self.vocabulary: int = session.get_outputs()[0].shape[1]


class Rows:
    """Sequences read side by side, and the logits after each one's last token.

    The session reads and writes the cache in place. A row keeps its position in it until
    ``keep`` is called.

    Args:
        lm: The causal LM.
        prompts: n token sequences, read at once.
        room: Tokens that may follow each prompt.

    Attributes:
        logits: Float32 [n, vocabulary], of each row's next token.
    """

    def __init__(self, lm: CausalLM, prompts: Sequence[Sequence[int]], room: int) -> None:
        self._lm = lm
        self._lengths = np.array([len(prompt) for prompt in prompts], np.int32)
        width = int(self._lengths.max())
        # Zeros, because what padding leaves there is multiplied by attention weights of zero.
        self._cache = np.zeros(
            (lm.layers, 2, len(prompts), lm.heads, width + room, lm.width), np.float32
        )
        self._bind_cache()
        ids = np.zeros((len(prompts), width), np.int64)
        for i, prompt in enumerate(prompts):
            ids[i, : len(prompt)] = prompt
        self.logits = self._forward(ids, self._lengths - 1)

    def __len__(self) -> int:
        return len(self._lengths)

    def read(self, tokens: Sequence[int]) -> None:
        """Append a token to every row.

        Args:
            tokens: One a row.
        """
        self._lengths = self._lengths + 1
        ids = np.array(tokens, np.int64)[:, None]
        self.logits = self._forward(ids, np.zeros(len(tokens), np.int32))

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows go.

        Args:
            rows: Positions of those that stay, which move up.
        """
        self._cache = np.ascontiguousarray(self._cache[:, :, rows])
        self._lengths = self._lengths[rows]
        self.logits = self.logits[rows]
        self._bind_cache()

    def _forward(self, ids: npt.NDArray[np.int64], last: npt.NDArray[np.int32]) -> Vectors:
        binding = self._binding
        binding.bind_cpu_input("ids", ids)
        binding.bind_cpu_input("last_keys", self._lengths - 1)
        binding.bind_cpu_input("longest", np.array(self._lengths.max(), np.int32))
        binding.bind_cpu_input("last", last.astype(np.int64)[:, None])
        binding.bind_output("logits")
        self._lm.session.run_with_iobinding(binding)
        logits: Vectors = binding.get_outputs()[-1].numpy()
        return logits

    def _bind_cache(self) -> None:
        self._binding = self._lm.session.io_binding()
        for layer, pair in enumerate(self._cache):
            for name, part in zip(("keys", "values"), pair, strict=True):
                place = ("cpu", 0, np.float32, part.shape, part.ctypes.data)
                self._binding.bind_input(f"past_{name}_{layer}", *place)
                self._binding.bind_output(f"{name}_{layer}", *place)
