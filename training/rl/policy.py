"""Forward passes with gradients over prompts and CoTs that were sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.model.decoding import Decoded
from engine.model.loading import output_layer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Written:
    """CoTs as tensors, padded on the right.

    Attributes:
        ids: Int64 [n, longest]: prompt, CoT, and ``</think> <emb>`` or what is needed of it.
        attention: Int64 [n, longest], 1 at tokens.
        places: Int64 [n, T]: where the state stands that each written token was drawn from.
        actions: Int64 [n, T]: the tokens drawn, with ``</think>`` where the model wrote it itself.
        mask: Bool [n, T], true at tokens.
        old: Float32 [n, T]: log-probabilities they were drawn with.
    """

    ids: torch.Tensor
    attention: torch.Tensor
    places: torch.Tensor
    actions: torch.Tensor
    mask: torch.Tensor
    old: torch.Tensor


def written(
    prompts: Sequence[Sequence[int]],
    decoded: Sequence[Decoded],
    end_id: int,
    tail: Sequence[int],
    device: torch.device,
) -> Written:
    """Lay out prompts and CoTs.

    Args:
        prompts: n prompts that end in ``<think>``.
        decoded: Their CoTs.
        end_id: ``</think>``.
        tail: Tokens to read after the CoT: none, or ``</think> <emb>``.
        device: Of the tensors.

    Returns:
        The tensors.
    """
    drawn = [[*one.ids, end_id] if one.closed else one.ids for one in decoded]
    # Without a tail the last drawn token is not read: nothing is drawn after it.
    rows = [
        [*prompt, *one.ids, *tail] if tail else [*prompt, *tokens[:-1]]
        for prompt, one, tokens in zip(prompts, decoded, drawn, strict=True)
    ]
    places = [
        range(len(prompt) - 1, len(prompt) - 1 + len(tokens))
        for prompt, tokens in zip(prompts, drawn, strict=True)
    ]
    ids, attention = padded(rows, device)
    actions, mask = padded(drawn, device)
    return Written(
        ids,
        attention,
        padded(places, device)[0],
        actions,
        mask.bool(),
        padded([one.logprobs for one in decoded], device, torch.float32)[0],
    )


def states(model: PreTrainedModel, ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Last-layer states of all positions.

    Args:
        model: Causal LM.
        ids: Int64 [n, longest], padded on the right.
        attention: Int64 [n, longest], 1 at tokens.

    Returns:
        Float [n, longest, hidden], with gradients.
    """
    output = model.base_model(input_ids=ids, attention_mask=attention, use_cache=False)
    last: torch.Tensor = output.last_hidden_state
    return last


def logprobs(
    model: PreTrainedModel,
    last: torch.Tensor,
    text: Written,
    temperature: float,
    forbidden: torch.Tensor,
) -> torch.Tensor:
    """Log-probabilities of the drawn tokens, under the kind of distribution they were drawn from.

    Args:
        model: Causal LM.
        last: From ``states``.
        text: What was read.
        temperature: Of the sampling.
        forbidden: Bool [vocabulary], as in decoding.

    Returns:
        Float32 [n, T]; beyond a row's tokens equal to ``old``, so that they change nothing.
    """
    places = text.places[:, :, None].expand(-1, -1, last.shape[-1])
    drawn_from = last.gather(1, places)[text.mask]
    logits = output_layer(model)(drawn_from).float() / temperature
    logits.masked_fill_(forbidden, -torch.inf)  # in place: the logits are what memory goes to
    chosen = logits.gather(1, text.actions[text.mask][:, None])[:, 0]
    found = text.old.clone()
    found[text.mask] = chosen - logits.logsumexp(1)
    return found


def at_ends(last: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """States at the last token of each row: at ``<emb>``, where rows end so.

    Args:
        last: Float [n, longest, hidden].
        attention: Int64 [n, longest], 1 at tokens.

    Returns:
        Float [n, hidden].
    """
    return last[torch.arange(len(last), device=last.device), attention.sum(1) - 1]


def padded(
    rows: Sequence[Sequence[float]], device: torch.device, dtype: torch.dtype = torch.int64
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad rows with zeros on the right.

    Args:
        rows: n rows.
        device: Of the tensors.
        dtype: Of the values.

    Returns:
        The values [n, longest], and int64 [n, longest], 0 where there is padding.
    """
    width = max(map(len, rows))
    values = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=dtype)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(width)[None] < lengths[:, None]).to(torch.int64)
    return values.to(device), mask.to(device)
