"""The reasoner of separate towers, on the CPU runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.model.batches import by_length
from engine.model.framing import Frame, Framing, Words
from engine.model.reasoning import Reasoning
from engine.model.runtimes.causal_lm import CausalLM
from engine.model.runtimes.decoding import decode
from engine.model.runtimes.files import RUNTIME_FILE, Exported
from engine.model.runtimes.session import open_session, open_tokenizer
from engine.model.sampling import Decoded, OnToken, Sampling, of_batch
from engine.model.text_encoder import limited
from engine.model.vectors import Vectors

MAX_ROWS = 32
MAX_TOKENS = 4096


class RuntimeReasoner(Reasoning):
    """An exported causal LM with its framing.

    Args:
        lm: The causal LM.
        framing: The checkpoint's.
    """

    def __init__(self, lm: CausalLM, framing: Framing) -> None:
        super().__init__(framing)
        self._lm = lm
        self._forbidden = np.zeros(lm.vocabulary, bool)
        self._forbidden[framing.special_ids] = True
        self._forbidden[framing.frame.vocabulary :] = True  # rows that only round the matrix up
        self._forbidden[framing.end_id] = False

    def decode(
        self, queries: Sequence[str], sampling: Sampling, *, on_token: OnToken | None = None
    ) -> tuple[list[Decoded], Vectors]:
        """Write a CoT for each query.

        Args:
            queries: n queries.
            sampling: Greedy or sampled, and how long.
            on_token: Told of every token as it is written.

        Returns:
            n CoTs; and no states, float32 [n, 0], as separate towers need none.

        Raises:
            ModelError: Query and CoT together are longer than was exported.
        """
        prompts = self.framing.prompts(queries)
        uniforms = sampling.uniforms(len(prompts))
        done = [Decoded() for _ in prompts]
        lengths = [len(prompt) + sampling.max_tokens for prompt in prompts]
        if lengths and max(lengths) > self._lm.max_tokens:
            raise ModelError(
                f"A query and its thought would have {max(lengths)} tokens; the exported reasoner "
                f"reads {self._lm.max_tokens}.",
                "Ask for shorter thoughts.",
            )
        for batch in by_length(lengths, MAX_ROWS, MAX_TOKENS):
            decoded = decode(
                self._lm,
                [prompts[i] for i in batch],
                self.framing.end_id,
                self._forbidden,
                sampling,
                uniforms[batch],
                of_batch(on_token, batch),
            )
            for i, one in zip(batch, decoded, strict=True):
                done[i] = one
        return done, np.empty((len(prompts), 0), np.float32)


def load_runtime_reasoner(folder: Path) -> RuntimeReasoner:
    """Load an exported reasoner.

    Args:
        folder: The checkpoint's ``reasoner/``.

    Returns:
        The reasoner.

    Raises:
        ModelError: A file is missing or damaged.
    """
    exported = Exported.load(folder)
    try:
        values = dict(exported.inputs["frame"])
        query, item = Words(**values.pop("query")), Words(**values.pop("item"))
        frame = Frame(query=query, item=item, **values)
        max_tokens = int(exported.inputs["max_tokens"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder / RUNTIME_FILE} cannot be read: {error}.", "Make it anew: lrem model export"
        ) from error
    framing = Framing(frame, limited(open_tokenizer(folder)))
    return RuntimeReasoner(CausalLM(open_session(folder, exported), max_tokens), framing)
