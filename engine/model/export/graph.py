"""A small writer of ONNX graphs: nodes, weights, and matrix products with quantised weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.model.export.quantise import Quantised, quantise
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

    def matrix(self, name: str, values: Vectors, bits: int, block: int) -> Quantised:
        """Quantise a weight and store its codes and scales.

        Args:
            name: Of the weight.
            values: Float32 [rows, columns].
            bits: 4 or 8.
            block: Columns of a block.

        Returns:
            The weight as it was rounded.
        """
        rounded = quantise(values, bits, block)
        self.constant(f"{name}.codes", rounded.codes)
        self.constant(f"{name}.scales16", rounded.scales.reshape(-1))
        # Folded when the session starts: float16 halves what scales take on disk.
        self.add("Cast", [f"{name}.scales16"], [f"{name}.scales"], to=TensorProto.FLOAT)
        self.parameters += values.size
        self.bits.add(bits)
        return rounded

    def product(
        self, x: str, name: str, shape: tuple[int, int], bits: int, block: int, output: str = ""
    ) -> str:
        """Multiply by the transpose of a matrix that is stored.

        Args:
            x: Float32 [..., columns].
            name: Of the matrix.
            shape: Its rows and columns.
            bits: 4 or 8.
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
            bits=bits,
            block_size=block,
            accuracy_level=_INT8_COMPUTE,
        )

    def rows(self, name: str, ids: str, columns: int) -> str:
        """Look rows up in an 8-bit matrix that is stored.

        Args:
            name: Of the matrix.
            ids: Int64 [n, width].
            columns: Of the matrix.

        Returns:
            Float32 [n, width, columns].
        """
        blocks = self._weights[f"{name}.codes"].dims[1]
        table = self.constant(f"{name}.table", np.array([-1, blocks], np.int64))
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
