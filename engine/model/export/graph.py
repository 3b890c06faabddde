"""A small writer of ONNX graphs: nodes, weights, and matrix products with quantised weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.model.export.quantise import Quantised
from engine.model.vectors import Vectors

CONTRIB = "com.microsoft"
OPSET = 20
IR_VERSION = 10
_INT8_COMPUTE = 4


class Graph:
    """Collects nodes in order; every method gives the name of what it adds.

    Attributes:
        parameters: Weights so far.
        bits: Bit widths of the quantised ones so far.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self.parameters = 0
        self.bits: set[int] = set()

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 output."""
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, name: str, values: npt.NDArray[Any] | np.generic) -> str:
        """Store an array once under a name."""
        if name not in self._weights:
            array = np.ascontiguousarray(values)
            self._weights[name] = numpy_helper.from_array(array, name)
        return name

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        outputs: Sequence[str] | None = None,
        *,
        contrib: bool = False,
        **attributes: Any,
    ) -> str:
        """Add a node.

        Args:
            op: Its type.
            inputs: Names; empty ones are left out.
            outputs: Names; None: one, made up.
            contrib: Whether it is ONNX Runtime's own.
            **attributes: Of the node.

        Returns:
            Name of its first output.
        """
        names = list(outputs or [f"{op}_{len(self._nodes)}"])
        domain = CONTRIB if contrib else ""
        self._nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0]

    def weight(self, name: str, values: Vectors) -> str:
        """Store a weight as it is, in float32."""
        self.parameters += values.size
        return self.constant(name, values.astype(np.float32))

    def matrix(self, name: str, rounded: Quantised) -> None:
        """Store codes and scales of a quantised weight.

        Args:
            name: Of the weight.
            rounded: The weight; one that rows are looked up in must have more than 4 bits.
        """
        bits = rounded.bits
        # All but the raw constants is folded when the session starts: it keeps the file small.
        self.constant(f"{name}.scales16", rounded.scales.reshape(-1))
        scales = self.add("Cast", [f"{name}.scales16"], to=TensorProto.FLOAT)
        shift = 8 - bits if bits in (5, 6) else 0
        step = self.constant(f"step.{shift}", np.float32(0.5**shift))
        self.add("Mul", [scales, step], [f"{name}.scales"])
        if bits == 4:
            pairs = rounded.codes[..., 0::2] | (rounded.codes[..., 1::2] << np.uint8(4))
            self.constant(f"{name}.codes", pairs)
        elif bits == 8:
            self.constant(f"{name}.codes", rounded.codes)
        else:
            self._planes(name, rounded.codes, bits)
        self.parameters += rounded.codes.size
        self.bits.add(bits)

    def _planes(self, name: str, codes: npt.NDArray[np.uint8], bits: int) -> None:
        """Store 5 or 6 bits a code; the graph widens them to 8, the new bits below the old.

        The low four bits of a block's codes lie two a byte, the others four or eight a byte: its
        first half or quarter or eighth in the lowest bits of each byte, and so on.
        """
        shift = 8 - bits
        parts = []
        for part, width, values in (
            ("low", 4, codes & np.uint8(15)),
            ("high", bits - 4, codes >> np.uint8(4)),
        ):
            planes = np.split(values, 8 // width, axis=-1)
            packed = np.zeros_like(planes[0])
            for i, plane in enumerate(planes):
                packed |= plane << np.uint8(i * width)
            stored = self.constant(f"{name}.{part}", packed)
            mask = self._byte((1 << width) - 1)
            unpacked = [
                self.add("BitwiseAnd", [self._shifted(stored, i * width, "RIGHT"), mask])
                for i in range(8 // width)
            ]
            joined = self.add("Concat", unpacked, axis=-1)
            parts.append(self._shifted(joined, shift + (0 if part == "low" else 4), "LEFT"))
        self.add("BitwiseOr", parts, [f"{name}.codes"])

    def _shifted(self, x: str, by: int, direction: str) -> str:
        return self.add("BitShift", [x, self._byte(by)], direction=direction) if by else x

    def _byte(self, value: int) -> str:
        return self.constant(f"byte.{value}", np.uint8(value))

    def product(
        self, x: str, name: str, shape: tuple[int, int], bits: int, block: int, output: str = ""
    ) -> str:
        """Multiply by the transpose of a matrix that is stored.

        Args:
            x: Float32 [..., columns].
            name: Of the matrix.
            shape: Its rows and columns.
            bits: 4, 5, 6 or 8.
            block: Columns of a block.
            output: Name of the product; made up if empty.

        Returns:
            Float32 [..., rows].
        """
        return self.add(
            "MatMulNBits",
            [x, f"{name}.codes", f"{name}.scales"],
            [output] if output else None,
            contrib=True,
            N=shape[0],
            K=shape[1],
            bits=4 if bits == 4 else 8,
            block_size=block,
            accuracy_level=_INT8_COMPUTE,
        )

    def rows(self, name: str, ids: str, columns: int, block: int) -> str:
        """Look rows up in a matrix that is stored in more than 4 bits.

        Args:
            name: Of the matrix.
            ids: Int64 [n, width].
            columns: Of the matrix.
            block: Columns of a block.

        Returns:
            Float32 [n, width, columns].
        """
        table = self.constant(f"{name}.table", np.array([-1, columns // block], np.int64))
        scales = self.add("Reshape", [f"{name}.scales", table])
        scales = self.add("Gather", [scales, ids])
        scales = self.add("Unsqueeze", [scales, self.constant("axis", np.array([-1], np.int64))])
        codes = self.add("Cast", [self.add("Gather", [f"{name}.codes", ids])], to=TensorProto.FLOAT)
        codes = self.add("Sub", [codes, self.constant("middle", np.float32(128))])
        shape = self.constant(f"{name}.shape", np.array([0, 0, columns], np.int64))
        return self.add("Reshape", [self.add("Mul", [codes, scales]), shape])

    def save(self, path: Path) -> None:
        """Check the graph and write it with its weights in one file."""
        graph = helper.make_graph(
            self._nodes, "lrem", self._inputs, self._outputs, list(self._weights.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(
            graph, producer_name="lrem", opset_imports=opsets, ir_version=IR_VERSION
        )
        onnx.save(model, path)
