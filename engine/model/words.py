"""The words that a checkpoint's configuration puts around queries and items, as token ids.

They are a chat as in the paper, or a plain line for small models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.config import SPECIAL_TOKENS, THINK, FramingConfig, LremConfig, Style
from engine.model.framing import Frame, Framing, Words
from engine.model.loading import rust_tokenizer
from engine.model.text_encoder import limited

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


def read_framing(config: LremConfig, tokenizer: PreTrainedTokenizerBase) -> Framing:
    """The framing of a checkpoint.

    Args:
        config: The checkpoint's; it must have a framing.
        tokenizer: The reasoner's, with the three special tokens.

    Returns:
        What builds its token sequences.

    Raises:
        ModelError: A special token is missing, or the chat template does not take the words.
    """
    framing = config.framing
    if framing is None:
        raise ModelError("The checkpoint has no framing.", "Make it anew: lrem model init")
    known = tokenizer.get_vocab()
    if missing := [token for token in SPECIAL_TOKENS if token not in known]:
        raise ModelError(
            f"The reasoner's tokenizer lacks {', '.join(missing)}.",
            "Make the checkpoint with lrem model init, which adds them.",
        )
    think_id, end_id, emb_id = (known[token] for token in SPECIAL_TOKENS)
    special = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    frame = Frame(
        query=_words(tokenizer, framing, framing.query, "{query}", framing.system),
        item=_words(tokenizer, framing, framing.item, "{item}", ""),
        max_query_tokens=config.max_query_tokens,
        max_item_tokens=config.max_item_tokens,
        think_id=think_id,
        end_id=end_id,
        emb_id=emb_id,
        special_ids=sorted(special | {think_id, end_id, emb_id}),
        vocabulary=len(tokenizer),
    )
    return Framing(frame, limited(rust_tokenizer(tokenizer)))


def _words(
    tokenizer: PreTrainedTokenizerBase,
    framing: FramingConfig,
    template: str,
    placeholder: str,
    system: str,
) -> Words:
    marked = template.replace(placeholder, _MARK)
    if framing.style == "chat":
        marked = _chat(tokenizer, marked, system)
    before, after = marked.split(_MARK)
    blank = " " if before.endswith(" ") else ""
    before = before.removesuffix(" ")
    start = [] if framing.style == "chat" else _start(tokenizer)
    texts = limited(rust_tokenizer(tokenizer))
    first, last = (texts.encode(words, add_special_tokens=False).ids for words in (before, after))
    return Words([*start, *first], blank, last)


def _chat(tokenizer: PreTrainedTokenizerBase, marked: str, system: str) -> str:
    messages = [{"role": "user", "content": marked}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    if not tokenizer.chat_template:
        raise ModelError(
            "The framing is chat, but the tokenizer has no chat template.",
            "Make the checkpoint with --framing plain.",
        )
    text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    if text.count(_MARK) != 1:
        raise ModelError(
            "The tokenizer's chat template drops or repeats the user's message.",
            "Make the checkpoint with --framing plain.",
        )
    # Templates of reasoning models open the thought themselves; the framing does that.
    opened = text.rstrip()
    return opened.removesuffix(THINK) if opened.endswith(THINK) else text


def _start(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The token that the tokenizer begins every text with, if it has one."""
    ids = tokenizer("")["input_ids"]
    return ids[:1] if ids and ids[0] == tokenizer.bos_token_id else []
