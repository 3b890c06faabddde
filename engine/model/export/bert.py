"""The graph of a BERT encoder with mean pooling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from engine.errors import ModelError
from engine.model.export.graph import Graph
from engine.model.export.quantise import quantise
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BITS = 8
_WORD_BITS = 6


def write_bert(encoder: SentenceTransformer, path: Path, block: int) -> Graph:
    """Quantise a BERT encoder to 8 bits, its vocabulary to 6, and write its graph.

    Inputs: ``ids`` and ``mask`` int64 [n, width]. Output: ``vectors`` float32 [n, dim], the mean
    of the tokens' states, not normalised.

    Args:
        encoder: BERT, mean pooling, and nothing else that changes a vector's direction.
        path: File to write.
        block: Weights that share a scale.

    Returns:
        The graph, for what it counted.

    Raises:
        ModelError: Another architecture or pooling, or dimensions that the block does not divide.
    """
    model = _bert(encoder, block)
    config = model.config
    weights = {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
    graph = Graph()
    graph.input("ids", TensorProto.INT64, ["rows", "tokens"])
    graph.input("mask", TensorProto.INT64, ["rows", "tokens"])

    def weight(name: str) -> str:
        return graph.weight(name, weights[name])

    def product(x: str, name: str, *parts: str) -> str:
        matrix = np.concatenate([weights[f"{part}.weight"] for part in parts])
        graph.matrix(name, quantise(matrix, _BITS, block))
        return graph.product(x, name, matrix.shape, _BITS, block)

    def normed(x: str, residual: str, prefix: str, bias: str) -> str:
        inputs = [x, residual, weight(f"{prefix}.weight"), weight(f"{prefix}.bias")]
        return graph.add(
            "SkipLayerNormalization",
            [*inputs, bias] if bias else inputs,
            contrib=True,
            epsilon=config.layer_norm_eps,
        )

    table = weights["embeddings.word_embeddings.weight"]
    graph.matrix("words", quantise(table, _WORD_BITS, block))
    words = graph.rows("words", "ids", config.hidden_size, block)
    places = _places(graph, weights)
    state = normed(words, places, "embeddings.LayerNorm", "")
    padding = graph.add("Cast", ["mask"], to=TensorProto.INT32)
    for i in range(config.num_hidden_layers):
        prefix = f"encoder.layer.{i}."
        parts = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
        heads = product(state, f"qkv.{i}", *parts)
        names = [f"{name}.{i}" for name in ("query", "key", "value")]
        graph.add("Split", [heads], names, axis=-1, num_outputs=3)
        bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        attended = graph.add(
            "MultiHeadAttention",
            [*names, graph.weight(f"qkv.bias.{i}", bias), padding],
            contrib=True,
            num_heads=config.num_attention_heads,
        )
        dense = f"{prefix}attention.output.dense"
        mixed = product(attended, dense, dense)
        state = normed(mixed, state, f"{prefix}attention.output.LayerNorm", weight(f"{dense}.bias"))
        dense = f"{prefix}intermediate.dense"
        inner = product(state, dense, dense)
        inner = graph.add("BiasGelu", [inner, weight(f"{dense}.bias")], contrib=True)
        dense = f"{prefix}output.dense"
        outer = product(inner, dense, dense)
        state = normed(outer, state, f"{prefix}output.LayerNorm", weight(f"{dense}.bias"))
    _mean(graph, state)
    graph.output("vectors", ["rows", config.hidden_size])
    graph.save(path)
    return graph


def _bert(encoder: SentenceTransformer, block: int) -> Any:
    """The BERT inside, if nothing else but pooling and scaling is there."""
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    modules = list(encoder)
    model: Any = getattr(modules[0], "auto_model", None)
    rest = [module for module in modules[1:] if not isinstance(module, Normalize)]
    kind = type(model).__name__
    mean = len(rest) == 1 and isinstance(rest[0], Pooling) and _pools_mean(rest[0])
    plain = kind == "BertModel" and model.config.hidden_act == "gelu"
    if not (mean and plain):
        names = ", ".join(type(module).__name__ for module in rest)
        raise ModelError(
            f"The embedder is a {kind} with {names or 'no pooling'}; the CPU runtime takes a "
            "BertModel with mean pooling.",
            "Use an encoder such as all-MiniLM-L6-v2 as embedder, or run this one on torch.",
        )
    widths = {model.config.hidden_size, model.config.intermediate_size}
    if uneven := sorted(width for width in widths if width % block):
        raise ModelError(
            f"Blocks of {block} weights do not divide the embedder's widths {uneven}.",
            "Choose another embedder, or run this one on torch.",
        )
    return model


def _pools_mean(pooling: Any) -> bool:
    return str(pooling.get_config_dict().get("pooling_mode", "")) == "mean"


def _places(graph: Graph, weights: dict[str, Vectors]) -> str:
    """Embeddings of positions, and of the one segment, for the width of ``ids``."""
    table = weights["embeddings.position_embeddings.weight"]
    table = table + weights["embeddings.token_type_embeddings.weight"][0]
    width = graph.add("Shape", ["ids"], start=1, end=2)
    start = graph.constant("start", np.array([0], np.int64))
    places = graph.add("Slice", [graph.weight("places", table), start, width, start])
    one = graph.constant("one", np.array([1], np.int64))
    shape = graph.add("Concat", [graph.add("Shape", ["ids"]), one], axis=0)
    return graph.add("Expand", [places, shape])


def _mean(graph: Graph, state: str) -> None:
    """Mean of the states where the mask is set."""
    last = graph.constant("axis", np.array([-1], np.int64))
    tokens = graph.constant("tokens", np.array([1], np.int64))
    mask = graph.add("Cast", ["mask"], to=TensorProto.FLOAT)
    mask = graph.add("Unsqueeze", [mask, last])
    total = graph.add("ReduceSum", [graph.add("Mul", [state, mask]), tokens], keepdims=0)
    count = graph.add("ReduceSum", [mask, tokens], keepdims=0)
    count = graph.add("Max", [count, graph.constant("least", np.float32(1e-9))])
    graph.add("Div", [total, count], ["vectors"])
