"""Queries, thoughts and items as the token sequences a causal LM reads.

    query    <words> query <words> <think> CoT </think> <emb>     (eq. 5 of arXiv 2510.14321)
    item     <words> item <words> <emb>                           (eq. 6)

The words are the checkpoint's: a chat as in the paper, or a plain line for small models. They are
tokenized once and the texts apart from them, so a text is cut by tokens without touching the
words, and cannot smuggle in a special token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.batches import encodable
from engine.model.config import SPECIAL_TOKENS, THINK, FramingConfig, LremConfig, Style
from engine.model.loading import bulk_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULTS: dict[Style, FramingConfig] = {
    "plain": FramingConfig(style="plain", query="Query: {query}", item="Item: {item}"),
    "chat": FramingConfig(
        style="chat",
        system="You are the query assistant of an e-commerce search platform.",
        query=(
            "Think of products, brands and attributes that a shopper with this query wants to "
            "find. Do not repeat the query. Write only short phrases separated by commas, in this "
            "format: <think> phrase, phrase, phrase </think><emb>\nQuery: {query}"
        ),
        item="Item: {item}",
    ),
}
_MARK = "\ue000"  # stands for the text while a chat template is run


class Framing:
    """Builds token sequences for one checkpoint. Safe in threads.

    Args:
        config: The checkpoint's; it must have a framing.
        tokenizer: The reasoner's, with the three special tokens.

    Attributes:
        think_id: ``<think>``.
        end_id: ``</think>``.
        emb_id: ``<emb>``.
        special_ids: Every special token of the tokenizer, sorted; none of them, ``</think>``
            apart, may stand in a CoT.

    Raises:
        ModelError: A special token is missing, or the chat template does not take the words.
    """

    def __init__(self, config: LremConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        if config.framing is None:
            raise ModelError("The checkpoint has no framing.", "Make it anew: lrem model init")
        self._tokenizer = tokenizer
        self._texts = bulk_tokenizer(tokenizer)
        self._limits = (config.max_query_tokens, config.max_item_tokens)
        vocabulary = tokenizer.get_vocab()
        if missing := [token for token in SPECIAL_TOKENS if token not in vocabulary]:
            raise ModelError(
                f"The reasoner's tokenizer lacks {', '.join(missing)}.",
                "Make the checkpoint with lrem model init, which adds them.",
            )
        self.think_id, self.end_id, self.emb_id = (vocabulary[token] for token in SPECIAL_TOKENS)
        added = tokenizer.added_tokens_decoder
        special = {index for index, token in added.items() if token.special}
        self.special_ids = sorted(special | {self.think_id, self.end_id, self.emb_id})
        self._not_text = set(self.special_ids)
        framing = config.framing
        self._query_words = self._words(framing, framing.query, "{query}", framing.system)
        self._item_words = self._words(framing, framing.item, "{item}", "")

    def prompts(self, queries: Sequence[str]) -> list[list[int]]:
        """Token ids of each query up to and with ``<think>``.

        Args:
            queries: n queries; long ones are cut to the checkpoint's limit.

        Returns:
            n lists of token ids.
        """
        framed = self._frame(queries, self._query_words, self._limits[0])
        return [[*ids, self.think_id] for ids in framed]

    def thoughts(self, texts: Sequence[str], max_tokens: int | None = None) -> list[list[int]]:
        """Token ids of CoT texts, without ``<think>`` and ``</think>``.

        Args:
            texts: Keyphrases joined by ", "; an empty text has no tokens.
            max_tokens: Longer CoTs are cut, as for training.

        Returns:
            One list of token ids a text.
        """
        return [ids[:max_tokens] for ids in self._encode([f" {t}" if t else "" for t in texts])]

    def queries(self, queries: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
        """Whole query sequences with given CoTs, up to and with ``<emb>`` (eq. 5).

        Args:
            queries: n queries.
            texts: Their CoT texts.

        Returns:
            n lists of token ids.
        """
        pairs = zip(self.prompts(queries), self.thoughts(texts), strict=True)
        return [[*prompt, *thought, self.end_id, self.emb_id] for prompt, thought in pairs]

    def items(self, texts: Sequence[str]) -> list[list[int]]:
        """Whole item sequences, up to and with ``<emb>`` (eq. 6).

        Args:
            texts: n item texts; long ones are cut to the checkpoint's limit.

        Returns:
            n lists of token ids.
        """
        framed = self._frame(texts, self._item_words, self._limits[1])
        return [[*ids, self.emb_id] for ids in framed]

    def text(self, ids: Sequence[int]) -> str:
        """Text of CoT token ids.

        Args:
            ids: As decoded.

        Returns:
            The text, with a replacement character where a character was cut in half.
        """
        return self._texts.decode(list(ids), skip_special_tokens=True)

    def _frame(
        self, texts: Sequence[str], words: tuple[list[int], str, list[int]], limit: int
    ) -> list[list[int]]:
        before, blank, after = words
        encoded = self._encode([blank + text for text in texts])
        return [[*before, *ids[:limit], *after] for ids in encoded]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        rows = self._texts.encode_batch_fast(
            [encodable(text) for text in texts], add_special_tokens=False
        )
        return [[i for i in row.ids if i not in self._not_text] for row in rows]

    def _words(
        self, framing: FramingConfig, template: str, placeholder: str, system: str
    ) -> tuple[list[int], str, list[int]]:
        """Ids before the text, the blank that sticks to it, ids after it."""
        marked = template.replace(placeholder, _MARK)
        if framing.style == "chat":
            marked = self._chat(marked, system)
        before, after = marked.split(_MARK)
        blank = " " if before.endswith(" ") else ""
        before = before.removesuffix(" ")
        start = [] if framing.style == "chat" else self._start()
        return [*start, *self._ids(before)], blank, self._ids(after)

    def _chat(self, marked: str, system: str) -> str:
        messages = [{"role": "user", "content": marked}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        if not self._tokenizer.chat_template:
            raise ModelError(
                "The framing is chat, but the tokenizer has no chat template.",
                "Make the checkpoint with --framing plain.",
            )
        text = str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        )
        if text.count(_MARK) != 1:
            raise ModelError(
                "The tokenizer's chat template drops or repeats the user's message.",
                "Make the checkpoint with --framing plain.",
            )
        # Templates of reasoning models open the thought themselves; the framing does that.
        opened = text.rstrip()
        return opened.removesuffix(THINK) if opened.endswith(THINK) else text

    def _start(self) -> list[int]:
        """The token that the tokenizer begins every text with, if it has one."""
        ids = self._tokenizer("")["input_ids"]
        return ids[:1] if ids and ids[0] == self._tokenizer.bos_token_id else []

    def _ids(self, words: str) -> list[int]:
        return self._texts.encode(words, add_special_tokens=False).ids
