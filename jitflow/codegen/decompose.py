"""Products that BLAS does not make, as element-wise products and a sum: other dtypes, tiny sizes.

``matmul %x, %y`` of integers becomes ``sum(multiply(x[..., :, None], y[..., None, :, :]))``, which
fusion makes one kernel without the three-dimensional array. Of f16 it is done in f32, as in NumPy.
"""

from __future__ import annotations

from jitflow.codegen.access import is_static
from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL, F16, F32, DType
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ops.record import Kind

TINY = 64
"""Multiplications up to which a call costs more than the loops."""


@dataclass(frozen=True)
class _Expand:
    name: str = "expand_product"

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The product as loops, where it is to be."""
        left, right = node.operands
        dtype = left.type.dtype
        if dtype is F16:
            wide = [rewriter.emit("cast", value, dtype=F32) for value in (left, right)]
            return rewriter.emit("cast", rewriter.emit("matmul", *wide), dtype=F16)
        if not is_expanded(node):
            return None
        return _expanded(rewriter, left, right, dtype)


def _expanded(rewriter: Rewriter, left: Value, right: Value, dtype: DType) -> Value:
    rank = max(left.type.rank, right.type.rank)
    rows = rewriter.emit("expand_dims", left, axes=(left.type.rank,))
    columns = rewriter.emit("expand_dims", right, axes=(right.type.rank - 2,))
    multiply, fold = ("logical_and", "any") if dtype is BOOL else ("multiply", "sum")
    products = rewriter.emit(multiply, rows, columns)
    return rewriter.emit(fold, products, axes=(rank - 1,), keepdims=False)


def is_expanded(node: Node) -> bool:
    """Whether a product is made by loops of our own."""
    from jitflow.codegen.cpu.products import has_product

    shape, inner = node.result.type.shape, node.operands[0].type.shape[-1]
    if shape[-2:] == (1, 1) and not is_static((inner,)):
        return True  # a sum of products, of any number of elements
    if node.result.type.dtype is F16 or not has_product(node.result.type.dtype):
        return True
    if not is_static((*shape, inner)):
        return False
    size = inner
    for extent in shape[-2:]:
        size = size * extent
    return isinstance(size, int) and size <= TINY


def decompose(graph: Graph) -> Graph:
    """`graph` with the products replaced that are made by loops."""
    for node in graph.nodes:
        if node.operator.kind is Kind.CONTRACTION and is_expanded(node):
            return Rewriter(graph, {node.operator.name: (_Expand(),)}).run()
    return graph
