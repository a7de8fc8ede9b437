"""BERT-like encoders as ONNX graphs of onnxruntime's fused operators, in 32-bit floats or 8-bit integers.

The graph is written from the weights, not traced: it has one node for each attention, activation and
normalisation of a layer, needs no PyTorch, and takes a second. It starts from the sum of the embeddings: the
word table, most of a multilingual encoder, stays outside, where its rows are read from a mapped file.

    embeddings (batch, length, hidden) float32, mask (batch, length) int32  ->  output (batch, width) float32

The output is the text's vector, of length 1 or as it is pooled, or the scores of a classification head.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Architecture", "Head", "build_graph", "quantise"]

Head = Literal["mean", "cls", "bert-classifier", "roberta-classifier"]
"""What follows the last layer: a pooling and length 1, or a classification head over the first token."""

Weights = Mapping[str, NDArray[np.float32]]
_OPSET = 17
_IR_VERSION = 8
"""That of the operators' release: newer ones are refused by older runtimes."""
_FUSED = "com.microsoft"
_ZERO = 128


@dataclass(frozen=True)
class Architecture:
    """Sizes of an encoder, as its `config.json` has them."""

    hidden: int
    layers: int
    heads: int
    epsilon: float


def build_graph(
    weights: Weights, architecture: Architecture, head: Head, *, int8: bool, normalise: bool = True
) -> "ModelProto":
    """Return the graph.

    Args:
        weights: By Hugging Face's names, without the prefix of the model's class.
        architecture: Its sizes.
        head: What follows the last layer.
        int8: Multiply 8-bit integers in most of the layers' matrix products; the rest stays float32. The last
            product of a layer stays too: its input, what GELU leaves, holds a few values so large that 8 bits
            for the range of all are too coarse for the others.
        normalise: Scale a text's vector to length 1.
    """
    graph = _Graph(weights, architecture, int8=int8)
    value = graph.add(
        "LayerNormalization",
        ["embeddings", *graph.norm("embeddings.LayerNorm")],
        axis=-1,
        epsilon=architecture.epsilon,
    )
    for layer in range(architecture.layers):
        value = graph.layer(value, f"encoder.layer.{layer}")
    if head.endswith("classifier"):
        last = graph.classified(value, head)
    else:
        last = graph.pooled(value, head)
        if normalise:
            last = graph.add("LpNormalization", [last], axis=-1, p=2)
    graph.add("Identity", [last], output="output")
    return graph.model()


@dataclass
class _Graph:
    """Nodes and constants, collected in order."""

    weights: Weights
    architecture: Architecture
    int8: bool
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def add(
        self,
        operator: str,
        inputs: list[str],
        *,
        domain: str = "",
        output: str = "",
        **attributes: Any,  # noqa: ANN401
    ) -> str:
        """Append a node with one output and return the output's name."""
        from onnx import helper

        output = output or f"{operator}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        """Add a weight as it is."""
        return self.constant(name, self.weights[name])

    def norm(self, name: str) -> list[str]:
        """Add scale and shift of a normalisation."""
        return [self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]

    def product(self, value: str, name: str, matrix: NDArray[np.float32]) -> str:
        """Multiply by a matrix, (inputs, outputs)."""
        if not self.int8 or (name.endswith("output.dense") and "attention" not in name):
            return self.add("MatMul", [value, self.constant(name, matrix)])
        quantised, scales = quantise(matrix)
        zeros = np.full(matrix.shape[1], _ZERO, dtype=np.uint8)
        return self.add(
            "DynamicQuantizeMatMul",
            [
                value,
                self.constant(f"{name}.quantised", quantised),
                self.constant(f"{name}.scales", scales),
                self.constant(f"zeros_{len(zeros)}", zeros),
            ],
            domain=_FUSED,
        )

    def dense(self, value: str, name: str) -> str:
        """Multiply by a layer's matrix as Hugging Face stores it, (outputs, inputs), without its bias."""
        return self.product(value, name, self.weights[f"{name}.weight"].T)

    def layer(self, value: str, prefix: str) -> str:
        """Append attention, feed-forward network and their residual normalisations."""
        attended = self._attention(value, f"{prefix}.attention.self")
        attended = self.dense(attended, f"{prefix}.attention.output.dense")
        value = self._residual(value, attended, f"{prefix}.attention.output")
        inner = self.dense(value, f"{prefix}.intermediate.dense")
        bias = self.weight(f"{prefix}.intermediate.dense.bias")
        inner = self.add("BiasGelu", [inner, bias], domain=_FUSED)
        inner = self.dense(inner, f"{prefix}.output.dense")
        return self._residual(value, inner, f"{prefix}.output")

    def _attention(self, value: str, prefix: str) -> str:
        names = [f"{prefix}.{name}" for name in ("query", "key", "value")]
        matrix = np.concatenate([self.weights[f"{name}.weight"].T for name in names], axis=1)
        bias = self.constant(
            f"{prefix}.bias", np.concatenate([self.weights[f"{name}.bias"] for name in names])
        )
        heads = self.architecture.heads
        if not self.int8:
            inputs = [value, self.constant(prefix, matrix), bias, "mask"]
            return self.add("Attention", inputs, domain=_FUSED, num_heads=heads)
        from onnx import helper

        product = self.product(value, prefix, matrix)
        sizes = self.constant("thirds", np.array(3 * [self.architecture.hidden], dtype=np.int64))
        self.nodes.append(helper.make_node("Split", [product, sizes], names, name=f"{prefix}.split", axis=2))
        return self.add("MultiHeadAttention", [*names, bias, "mask"], domain=_FUSED, num_heads=heads)

    def _residual(self, value: str, update: str, name: str) -> str:
        """Add the update and its bias to the value, and normalise."""
        inputs = [value, update, *self.norm(f"{name}.LayerNorm"), self.weight(f"{name}.dense.bias")]
        epsilon = self.architecture.epsilon
        return self.add("SkipLayerNormalization", inputs, domain=_FUSED, epsilon=epsilon)

    def pooled(self, states: str, head: Head) -> str:
        """Append the pooling: the mean over the tokens or the first one's state."""
        if head == "cls":
            return self._first(states)
        mask = self.add("Cast", ["mask"], to=_float())
        axis = self.constant("axis", np.array([1], dtype=np.int64))
        total = self.add("MatMul", [self.add("Unsqueeze", [mask, axis]), states])
        tokens = self.add("ReduceSum", [mask, axis], keepdims=1)
        return self.add("Div", [self.add("Squeeze", [total, axis]), tokens])

    def classified(self, states: str, head: Head) -> str:
        """Append a classification head over the first token's state."""
        first = self._first(states)
        names = ("pooler.dense", "classifier")
        if head == "roberta-classifier":
            names = ("classifier.dense", "classifier.out_proj")
        inner = self.add("Tanh", [self._linear(first, names[0])])
        return self._linear(inner, names[1])

    def _first(self, states: str) -> str:
        return self.add("Gather", [states, self.constant("first", np.array(0, dtype=np.int64))], axis=1)

    def _linear(self, value: str, name: str) -> str:
        inputs = [value, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.add("Gemm", inputs, transB=1)

    def model(self) -> "ModelProto":
        """Return the finished model."""
        from onnx import TensorProto, helper

        hidden = self.architecture.hidden
        inputs = [
            helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", "length", hidden]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, ["batch", "length"]),
        ]
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", "width"])
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], list(self.constants.values()))
        operators = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        return helper.make_model(
            graph, opset_imports=operators, ir_version=_IR_VERSION, producer_name="cslir"
        )


def quantise(matrix: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a matrix (inputs, outputs) in 8 bits, 128 for zero, and the scale of each column.

    Unsigned on purpose: on CPUs without VNNI onnxruntime multiplies unsigned by signed bytes with an
    instruction that saturates, and unsigned by unsigned ones without.
    """
    scales = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    scales[scales == 0] = 1
    return (np.rint(matrix / scales) + _ZERO).astype(np.uint8), scales


def _float() -> int:
    from onnx import TensorProto

    return int(TensorProto.FLOAT)
