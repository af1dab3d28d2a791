"""Nodes that code generation has no steps for, as others: some products, updates of reshaped parts.

Products that BLAS does not make are element-wise products and a sum: other dtypes, tiny sizes.
``matmul %x, %y`` of integers becomes ``sum(multiply(x[..., :, None], y[..., None, :, :]))``, which
fusion makes one kernel without the three-dimensional array; its order of adding is free, as that
of BLAS. Of f16 it is done in f32, as in NumPy.

An update through a reshape that merges axes, ``x.reshape(-1)[2:5] = v``, is one of the reshaped
array, which is then reshaped back.

Where rows are made block by block, a quotient of a product by the sums of its rows of weights is
one of the weights: ``(e @ v) / e.sum(-1)`` is ``(e / e.sum(-1)) @ v``, which streams (`streaming`).
"""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import is_static
from jitflow.codegen.target import CPU, LoopTarget
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL, F16, F32, DType
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ir.rewriter import Replacement, Rewriter, RewriteRule
from jitflow.ops.record import Kind

LONG = 1024
"""Elements of a row from which on it is worth several programs."""

TINY = 64
"""Multiplications up to which a call costs more than the loops."""


@dataclass(frozen=True)
class _Expand:
    target: LoopTarget
    name: str = "expand_product"

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The product as loops, where it is to be."""
        left, right = node.operands
        dtype = left.type.dtype
        if dtype.is_half and is_expanded(node, self.target):
            wide = [rewriter.emit("cast", value, dtype=F32) for value in (left, right)]
            return rewriter.emit("cast", rewriter.emit("matmul", *wide), dtype=dtype)
        if not is_expanded(node, self.target):
            return None
        return _expanded(rewriter, left, right, dtype)


@dataclass(frozen=True)
class _Unfold:
    name: str = "unfold_update"

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The update of the reshaped array, where the elements have no affine address."""
        place = _folded_view(node)
        if place is None:
            return None
        base, new = node.operands
        views = node.attributes["views"]
        part = base
        for name, attributes in views[:place]:
            part = rewriter.emit(name, part, **attributes)
        flat = rewriter.emit("reshape", part, **views[place][1])
        flat = rewriter.emit("update", flat, new, views=views[place + 1 :])
        part = rewriter.emit("reshape", flat, shape=part.type.shape)
        return rewriter.emit("update", base, part, views=views[:place]) if place else part


@dataclass(frozen=True)
class _Normalise:
    """The weights are exponentials of at most 0: no product of them overflows that did not."""

    name: str = "normalise_weights"

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The product of the normalised weights."""
        quotient, divisor = node.operands
        product, total = quotient.producer, _row_sum(divisor)
        if product is None or product.operator.kind is not Kind.CONTRACTION or total is None:
            return None
        weights, right = product.operands
        if total is not weights or not _is_weight(weights) or quotient in rewriter.graph.outputs:
            return None
        if (
            not rewriter.has_one_user(quotient)
            or divisor.type.shape[:-1] != weights.type.shape[:-1]
        ):
            return None
        return rewriter.emit("matmul", rewriter.emit("divide", weights, divisor), right)


def _row_sum(value: Value) -> Value | None:
    """What `value`, a column, has the sums of the rows of."""
    node = _column(value).producer
    if node is None or node.operator.name != "sum" or value.type.shape[-1:] != (1,):
        return None
    (found,) = node.operands
    return found if tuple(node.attributes["axes"]) == (found.type.rank - 1,) else None


def _column(value: Value) -> Value:
    """What a column is a view of."""
    node = value.producer
    while node is not None and node.operator.kind is Kind.VIEW and value.type.shape[-1:] == (1,):
        value = node.operands[0]
        node = value.producer
    return value


def _is_weight(value: Value) -> bool:
    """Whether a value is the exponential of a difference to the largest elements."""
    for name, slot in (("exp", 0), ("subtract", 1)):
        if value.producer is None or value.producer.operator.name != name:
            return False
        value = value.producer.operands[slot]
    top = _column(value).producer
    return top is not None and top.operator.name == "max"


def _folded_view(node: Node) -> int | None:
    """Which of an update's views is a reshape through which elements have no affine address."""
    views = node.attributes["views"]
    if all(name != "reshape" for name, _ in views) or access.covers_base(node):
        return None
    shapes = [node.operands[0].type.shape]
    for name, attributes in views:
        shapes.append(access.view_shape(name, attributes, shapes[-1]))
    index: access.Index | None = tuple(access.variable(f"i{k}") for k in range(len(shapes[-1])))
    for place in reversed(range(len(views))):
        name, attributes = views[place]
        assert index is not None
        index = access.view_index(name, attributes, shapes[place], shapes[place + 1], index)
        if index is None:
            return place
    return None


def _expanded(rewriter: Rewriter, left: Value, right: Value, dtype: DType) -> Value:
    rank = max(left.type.rank, right.type.rank)
    rows = rewriter.emit("expand_dims", left, axes=(left.type.rank,))
    columns = rewriter.emit("expand_dims", right, axes=(right.type.rank - 2,))
    multiply, fold = ("logical_and", "any") if dtype is BOOL else ("multiply", "sum")
    if dtype.is_complex:
        products = _complex_products(rewriter, rows, columns)
    else:
        products = rewriter.emit(multiply, rows, columns)
    return rewriter.emit(fold, products, axes=(rank - 1,), keepdims=False, any_order=True)


def _complex_products(rewriter: Rewriter, x: Value, y: Value) -> Value:
    """Each of four products rounded, as BLAS sums them: those that cancel do so exactly.

    NumPy's loop for `multiply` fuses two of them: ``vdot(z, z)`` would get an imaginary part.
    """
    emit = rewriter.emit
    (xr, xi), (yr, yi) = ([emit(part, value) for part in ("real", "imag")] for value in (x, y))
    real = emit("subtract", emit("multiply", xr, yr), emit("multiply", xi, yi))
    return emit("complex", real, emit("add", emit("multiply", xr, yi), emit("multiply", xi, yr)))


def has_product(dtype: DType, target: LoopTarget) -> bool:
    """Whether the target multiplies matrices of `dtype`."""
    from jitflow.codegen.cpu import products

    if target.products:
        return dtype.name in target.products
    return dtype is not F16 and products.has_product(dtype)


def is_expanded(node: Node, target: LoopTarget = CPU) -> bool:
    """Whether a product is made by loops of our own."""
    shape, inner = node.result.type.shape, node.operands[0].type.shape[-1]
    if shape[-2:] == (1, 1) and not is_static((inner,)):
        return True  # a sum of products, of any number of elements
    if not has_product(node.result.type.dtype, target):
        return True
    if _is_of_vectors(node, target):
        return True
    if not is_static((*shape, inner)):
        return False
    size = inner
    for extent in shape[-2:]:
        size = size * extent
    return isinstance(size, int) and size <= TINY


def _is_of_vectors(node: Node, target: LoopTarget) -> bool:
    """Whether few batches of one row or column each go along a long axis."""
    *batch, rows, columns = node.result.type.shape
    batches = dims.product(tuple(batch))
    if 1 not in (rows, columns) or not isinstance(batches, int):
        return False
    extents = (rows, columns, node.operands[0].type.shape[-1])
    is_long = any(not isinstance(extent, int) or extent >= LONG for extent in extents)
    return is_long and 1 < batches <= target.folds_vectors


def decompose(graph: Graph, target: LoopTarget = CPU) -> Graph:
    """`graph` with the nodes replaced that code generation has no steps for."""
    for node in graph.nodes:
        is_product = node.operator.kind is Kind.CONTRACTION and is_expanded(node, target)
        if is_product or (node.operator.kind is Kind.UPDATE and _folded_view(node) is not None):
            return Rewriter(graph, _rules(target)).run()
        if target.streams_rows and node.operator.name == "divide" and _row_sum(node.operands[1]):
            return Rewriter(graph, _rules(target)).run()
    return graph


def _rules(target: LoopTarget) -> dict[str, tuple[RewriteRule, ...]]:
    rules: dict[str, tuple[RewriteRule, ...]] = {
        "matmul": (_Expand(target),), "update": (_Unfold(),)
    }  # fmt: skip
    return rules | ({"divide": (_Normalise(),)} if target.streams_rows else {})
