"""The graph of a Llama model that decodes on ONNX Runtime with its cache in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from engine.errors import ModelError
from engine.model.export.gptq import compensate, input_products
from engine.model.export.graph import Graph
from engine.model.export.quantise import Quantised, quantise
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_TOKENS = 1024
# The first of the linear layers that read the same states.
_READERS = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj")
_HEAD_BITS = 6
_HEAD_STEP = 16  # of GroupQueryAttention


def write_llama(
    model: PreTrainedModel, path: Path, sequences: Sequence[Sequence[int]], bits: int, block: int
) -> Graph:
    """Quantise a Llama by GPTQ and write its graph.

    Inputs: ``ids`` int64 [n, width], new tokens, padded on the right; ``last_keys`` int32 [n],
    the position of each row's last token; ``longest`` int32, tokens of the longest row so far;
    ``last`` int64 [n, 1], where in ``ids`` each row's last token stands; ``past_keys_i`` and
    ``past_values_i`` float32 [n, heads, room, width], written in place where the outputs
    ``keys_i`` and ``values_i`` are bound to the same memory. Output: ``logits`` float32
    [n, vocabulary] of each row's next token.

    Args:
        model: Causal LM; its weights become those that were rounded.
        path: File to write.
        sequences: Token sequences as the model meets them, to round with a view to.
        bits: Of the layers' weights, 4, 5, 6 or 8; embeddings take 6.
        block: Weights that share a scale.

    Returns:
        The graph, for what it counted.

    Raises:
        ModelError: Another architecture, or dimensions that the block does not divide.
    """
    config = model.config
    _check(model, block)
    head_width = config.head_dim
    graph = Graph()
    weights = {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
    _inputs(graph, config.num_hidden_layers, config.num_key_value_heads, head_width)
    _rotations(graph, config.rope_parameters["rope_theta"], head_width)

    layers = [
        f"model.layers.{i}.{name}" for i in range(config.num_hidden_layers) for name in _READERS
    ]
    products = input_products(model, layers, sequences)

    def store(name: str, rounded: Quantised, *sources: str) -> tuple[int, int]:
        graph.matrix(name, rounded)
        values = rounded.restored()
        _put(model, sources, values)
        return values.shape

    tokens = "model.embed_tokens.weight"
    table = store("embeddings", quantise(weights[tokens], _HEAD_BITS, block), tokens)
    stream = graph.rows("embeddings", "ids", config.hidden_size, block)
    norm = {"axis": -1, "epsilon": config.rms_norm_eps, "stash_type": 1}
    first = graph.weight("norm.0", weights["model.layers.0.input_layernorm.weight"])
    state = graph.add("SimplifiedLayerNormalization", [stream, first], **norm)

    def product(x: str, name: str, *parts: str) -> str:
        sources = [f"{prefix}{part}.weight" for part in parts]
        values = np.concatenate([weights[source] for source in sources])
        rounded = compensate(values, products[f"{prefix}{parts[0]}"], bits, block)
        return graph.product(x, name, store(name, rounded, *sources), bits, block)

    def normed(x: str, residual: str, name: str, scale: Vectors) -> tuple[str, str]:
        outputs = [f"{name}.state", "", "", f"{name}.stream"]
        graph.add(
            "SkipSimplifiedLayerNormalization",
            [x, residual, graph.weight(name, scale)],
            outputs,
            contrib=True,
            epsilon=config.rms_norm_eps,
        )
        return outputs[0], outputs[3]

    lengths = ("last_keys", "longest", "cosines", "sines")
    for i in range(config.num_hidden_layers):
        prefix = f"model.layers.{i}."
        heads = product(
            state, f"qkv.{i}", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"
        )
        attended = graph.add(
            "GroupQueryAttention",
            [heads, "", "", f"past_keys_{i}", f"past_values_{i}", *lengths],
            [f"attention.{i}", f"keys_{i}", f"values_{i}"],
            contrib=True,
            num_heads=config.num_attention_heads,
            kv_num_heads=config.num_key_value_heads,
            do_rotary=1,
            scale=head_width**-0.5,
        )
        mixed = product(attended, f"out.{i}", "self_attn.o_proj")
        after = weights[f"{prefix}post_attention_layernorm.weight"]
        state, stream = normed(mixed, stream, f"norm.{i}.mlp", after)
        both = product(state, f"gate_up.{i}", "mlp.gate_proj", "mlp.up_proj")
        gate, up = f"gate.{i}", f"up.{i}"
        graph.add("Split", [both], [gate, up], axis=-1, num_outputs=2)
        gate = graph.add("QuickGelu", [gate], contrib=True, alpha=1.0)  # alpha 1 is SiLU
        down = product(graph.add("Mul", [gate, up]), f"down.{i}", "mlp.down_proj")
        final = i + 1 == config.num_hidden_layers
        following = "model.norm" if final else f"model.layers.{i + 1}.input_layernorm"
        state, stream = normed(down, stream, f"norm.{i + 1}", weights[f"{following}.weight"])

    ends = graph.add("GatherND", [state, "last"], batch_dims=1)
    head = "embeddings"
    if not config.tie_word_embeddings:
        head = "head"
        store(head, quantise(weights["lm_head.weight"], _HEAD_BITS, block), "lm_head.weight")
    graph.product(ends, head, table, _HEAD_BITS, block, "logits")
    graph.output("logits", ["rows", table[0]])
    for i in range(config.num_hidden_layers):
        for name in ("keys", "values"):
            graph.output(f"{name}_{i}", ["rows", config.num_key_value_heads, "room", head_width])
    graph.save(path)
    return graph


def _check(model: PreTrainedModel, block: int) -> None:
    config = model.config
    kind = type(model).__name__
    scaled = getattr(config, "rope_parameters", None) or {}
    biased = getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False)
    if kind != "LlamaForCausalLM" or scaled.get("rope_type", "default") != "default" or biased:
        raise ModelError(
            f"The reasoner is a {kind}; the CPU runtime takes a plain LlamaForCausalLM, without "
            "biases and scaled positions.",
            "Use a Llama model such as SmolLM2 as reasoner, or run this one on torch.",
        )
    widths = {config.hidden_size, config.intermediate_size}
    uneven = [f"{width} not by {block}" for width in sorted(widths) if width % block]
    if config.head_dim % _HEAD_STEP:
        uneven.append(f"head width {config.head_dim} not by {_HEAD_STEP}")
    if uneven:
        raise ModelError(
            f"The CPU runtime needs dimensions that divide evenly: {', '.join(uneven)}.",
            "Choose another reasoner, or run this one on torch.",
        )


def _put(model: PreTrainedModel, names: Sequence[str], values: Vectors) -> None:
    """Replace parameters, stacked in one matrix, by what they were rounded to."""
    import torch

    row = 0
    for name in names:
        parameter = model.get_parameter(name)
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values[row : row + len(parameter)]))
        row += len(parameter)


def _inputs(graph: Graph, layers: int, heads: int, width: int) -> None:
    graph.input("ids", TensorProto.INT64, ["rows", "tokens"])
    graph.input("last_keys", TensorProto.INT32, ["rows"])
    graph.input("longest", TensorProto.INT32, [])
    graph.input("last", TensorProto.INT64, ["rows", 1])
    for i in range(layers):
        for name in ("keys", "values"):
            graph.input(f"past_{name}_{i}", TensorProto.FLOAT, ["rows", heads, "room", width])


def _rotations(graph: Graph, theta: float, width: int) -> None:
    """Rotary position embeddings, as tables over the positions."""
    angles = np.outer(np.arange(MAX_TOKENS), theta ** (-np.arange(0, width, 2) / width))
    graph.constant("cosines", np.cos(angles).astype(np.float32))
    graph.constant("sines", np.sin(angles).astype(np.float32))
