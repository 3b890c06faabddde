"""The teacher ``lm:MODEL``: any causal LM of transformers, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.triples.teachers.two_step import Reply


class LocalLM:
    """Answers prompts in batches.

    A chat template is used where the tokenizer has one; else the model continues the prompt.

    Args:
        source: As ``lrem model init --reasoner`` takes it: a directory, a ``.gguf`` file,
            ``package:NAME/FOLDER`` or a hub id.
        max_tokens: Most tokens of an answer.
        temperature: 0 decodes greedily.
        batch_size: Prompts decoded together.
        seed: Of sampling.
        device: As torch names it; None: the best one here.
        dtype: As torch names it; None: what runs fastest here.

    Raises:
        ModelError: There is no such model, or it cannot be read.
    """

    def __init__(
        self,
        source: str,
        *,
        max_tokens: int,
        temperature: float,
        batch_size: int,
        seed: int,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        from engine.model.device import place
        from engine.model.loading import load_causal_lm
        from engine.model.sources import resolve_source

        placement = place(device, dtype)
        found = resolve_source(source)
        model, self._tokenizer = load_causal_lm(
            found.directory, placement.device, placement.torch_dtype, found.gguf
        )
        self._model: Any = model  # whose generate is not typed
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._batch_size = batch_size
        self._seed = seed
        sampling = f" seed={seed}" if temperature else ""
        self.name = (
            f"lm:{source} {_state(found.directory)} max_tokens={max_tokens} "
            f"temperature={temperature:g}{sampling}"
        )
        self.placement = placement.note

    def complete(self, prompts: Sequence[str], tell: Callable[[int, Reply], None]) -> None:
        """Answer prompts, those of like length together; see ``ChatModel.complete``.

        Raises:
            TrainingError: A prompt leaves the model no room for an answer.
        """
        from engine.model.batches import by_length

        texts = [self._framed(prompt) for prompt in prompts]
        lengths = [len(ids) for ids in self._tokenizer(texts, add_special_tokens=False).input_ids]
        room = getattr(self._model.config, "max_position_embeddings", None)
        if room is not None and max(lengths) + 1 + self._max_tokens > room:
            raise TrainingError(
                f"A prompt of {max(lengths):,} tokens and an answer of {self._max_tokens:,} are "
                f"more than the {room:,} tokens the teacher reads.",
                "Lower --max-tokens, or choose a teacher with a longer context.",
            )
        for batch in by_length(lengths, self._batch_size, self._batch_size * max(lengths)):
            answers = self._generate([texts[position] for position in batch])
            for position, answer in zip(batch, answers, strict=True):
                tell(position, Reply(answer))

    def _framed(self, prompt: str) -> str:
        if not self._tokenizer.chat_template:
            return f"{(self._tokenizer.bos_token or '')}{prompt}\n\nAnswer:"
        turn = [{"role": "user", "content": prompt}]
        return str(
            self._tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        )

    def _generate(self, texts: list[str]) -> list[str]:
        import torch

        batch = self._tokenizer(
            texts, add_special_tokens=False, padding=True, return_tensors="pt"
        ).to(self._model.device)
        sampling = {"temperature": self._temperature} if self._temperature else {}
        if sampling:
            torch.manual_seed(self._seed)
        with torch.inference_mode():
            ids = self._model.generate(
                **batch,
                max_new_tokens=self._max_tokens,
                do_sample=bool(sampling),
                pad_token_id=self._tokenizer.pad_token_id,
                **sampling,
            )
        answers = ids[:, batch["input_ids"].shape[1] :]
        return list(self._tokenizer.batch_decode(answers, skip_special_tokens=True))


def _state(directory: Path) -> str:
    """Tells other weights under the same name apart, without reading them."""
    from hashlib import sha256

    files = sorted(path for path in directory.iterdir() if path.is_file())
    states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return sha256(repr(states).encode()).hexdigest()[:12]
