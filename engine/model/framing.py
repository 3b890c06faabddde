"""Queries, thoughts and items as the token sequences a causal LM reads.

    query    <words> query <words> <think> CoT </think> <emb>     (eq. 5 of arXiv 2510.14321)
    item     <words> item <words> <emb>                           (eq. 6)

The words are tokenized once and the texts apart from them, so a text is cut by tokens without
touching the words, and cannot smuggle in a special token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.model.batches import encodable

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around a text.

    Attributes:
        before: Token ids before it.
        blank: The blank that sticks to the text's first token, or an empty string.
        after: Token ids after it.
    """

    before: list[int]
    blank: str
    after: list[int]


@dataclass(frozen=True, slots=True)
class Frame:
    """A checkpoint's framing as token ids.

    Attributes:
        query: Words around a query.
        item: Words around an item.
        max_query_tokens: Longer queries are cut.
        max_item_tokens: Longer items are cut.
        think_id: ``<think>``.
        end_id: ``</think>``.
        emb_id: ``<emb>``.
        special_ids: Every special token of the tokenizer, sorted.
        vocabulary: Tokens of the tokenizer; a model may have rows beyond them.
    """

    query: Words
    item: Words
    max_query_tokens: int
    max_item_tokens: int
    think_id: int
    end_id: int
    emb_id: int
    special_ids: list[int]
    vocabulary: int


class Framing:
    """Builds token sequences for one checkpoint. Safe in threads.

    Args:
        frame: The checkpoint's.
        texts: The reasoner's tokenizer, without padding and truncation.

    Attributes:
        frame: As given.
        think_id: ``<think>``.
        end_id: ``</think>``.
        emb_id: ``<emb>``.
        special_ids: Every special token of the tokenizer, sorted; none of them, ``</think>``
            apart, may stand in a CoT.
    """

    def __init__(self, frame: Frame, texts: Tokenizer) -> None:
        self.frame = frame
        self.think_id, self.end_id, self.emb_id = frame.think_id, frame.end_id, frame.emb_id
        self.special_ids = frame.special_ids
        self._texts = texts
        self._not_text = set(frame.special_ids)

    def prompts(self, queries: Sequence[str]) -> list[list[int]]:
        """Token ids of each query up to and with ``<think>``.

        Args:
            queries: n queries; long ones are cut to the checkpoint's limit.

        Returns:
            n lists of token ids.
        """
        framed = self._frame(queries, self.frame.query, self.frame.max_query_tokens)
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
        framed = self._frame(texts, self.frame.item, self.frame.max_item_tokens)
        return [[*ids, self.emb_id] for ids in framed]

    def text(self, ids: Sequence[int]) -> str:
        """Text of CoT token ids.

        Args:
            ids: As decoded.

        Returns:
            The text, with a replacement character where a character was cut in half.
        """
        return self._texts.decode(list(ids), skip_special_tokens=True)

    def _frame(self, texts: Sequence[str], words: Words, limit: int) -> list[list[int]]:
        encoded = self._encode([words.blank + text for text in texts])
        return [[*words.before, *ids[:limit], *words.after] for ids in encoded]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        rows = self._texts.encode_batch_fast(
            [encodable(text) for text in texts], add_special_tokens=False
        )
        return [[i for i in row.ids if i not in self._not_text] for row in rows]
