"""`numpy.einsum` as transposes, element-wise products, sums and matrix products.

Operands are contracted from left to right, two at a time; labels that nothing after needs are
summed as early as possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, F16, F32
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, probe, ufuncs, views
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.operands import as_array, cast, emit, graph_value, operand, promoted
from jitflow.tracer.numpy.products import matrix, multiply_matrices
from jitflow.tracer.numpy.table import function
from jitflow.tracer.numpy.ufunc_methods import deliver
from jitflow.tracer.values import ArrayValue, PyValue, SequenceValue


@dataclass(frozen=True)
class Term:
    """A value with a label on each axis."""

    value: Value
    labels: tuple[str, ...]

    def extent(self, label: str) -> Dim:
        """Extent of the axis with a label."""
        return self.value.type.shape[self.labels.index(label)]


@function(
    np.einsum,
    signature="*operands, out=None, dtype=None, order='K', casting='safe', optimize=False",
)
def einsum(
    context: TraceContext,
    operands: SequenceValue,
    out: PyValue,
    dtype: PyValue,
    order: PyValue,
    casting: PyValue,
    optimize: PyValue,
) -> PyValue:
    """Sums of products by the labels of axes."""
    if arguments.constant(context, order, "order") != "K":
        raise unsupported("einsum with order")
    text, given = _arguments(context, operands)
    inputs, output = parse(text, [len(array.shape) for array in given])
    if len(given) == 1 and _is_view(inputs[0], output):
        is_plain = arguments.is_none(out) and arguments.is_none(dtype)
        if not is_plain or len(set(inputs[0])) < len(inputs[0]):
            raise unsupported("einsum that gives a view")
        return views.transposed(given[0], [inputs[0].index(label) for label in output])
    wanted = arguments.dtype(context, dtype) or promoted(*(array.dtype for array in given))
    inner = F32 if wanted is F16 else wanted
    terms = [
        Term(graph_value(context, operand(context, array), inner), labels)
        for array, labels in zip(given, inputs, strict=True)
    ]
    terms = _unify(context, terms)
    value = cast(context, contract(context, terms, output), wanted)
    (target,) = ufuncs.out_arguments(context, out)
    if target is not None:
        return deliver(context, value, (), target)
    places = _order(context, text, given, optimize) if value.type.shape else ()
    return arrays.boxed(context, value, places)


def _arguments(context: TraceContext, operands: SequenceValue) -> tuple[str, list[ArrayValue]]:
    if not operands.items:
        raise raises("must specify the einstein sum subscripts string and at least one operand")
    text = arguments.constant(context, operands.items[0], "subscripts")
    if not isinstance(text, str):
        raise unsupported("einsum with sublists")
    given = [as_array(context, context.resolve(item)) for item in operands.items[1:]]
    return text.replace(" ", ""), given


def parse(text: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Labels of the axes of each operand and of the result; "..." becomes labels "0", "1", ..."""
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise raises("the number of operands does not match the subscripts")
    hidden = max(
        (
            rank - len(part.replace("...", ""))
            for part, rank in zip(parts, ranks, strict=True)
            if "..." in part
        ),
        default=0,
    )
    inputs = []
    for part, rank in zip(parts, ranks, strict=True):
        named = part.replace("...", "")
        missing = rank - len(named)
        if missing < 0 or ("..." not in part and missing):
            raise raises("einstein sum subscripts string does not match the operand's dimensions")
        inputs.append(_labels(part, hidden, missing))
    names = Counter("".join(parts).replace(".", ""))
    if not arrow:
        single = sorted(name for name, count in names.items() if count == 1)
        output = (*(str(i) for i in range(hidden)), *single)
    else:
        output = _labels(right, hidden, hidden if "..." in right else 0)
    if len(set(output)) != len(output) or not set(output) <= {
        label for labels in inputs for label in labels
    }:
        raise raises("einstein sum subscripts string has wrong output labels")
    return inputs, output


def _labels(part: str, hidden: int, count: int) -> tuple[str, ...]:
    """Labels of one part; an ellipsis of `count` axes takes the last of the `hidden` ones."""
    before, dots, after = part.partition("...")
    if not (before + after).isalpha() and before + after:
        raise raises("invalid subscript in einstein sum subscripts string")
    middle = tuple(str(i) for i in range(hidden - count, hidden)) if dots else ()
    return (*before, *middle, *after)


def _is_view(labels: tuple[str, ...], output: tuple[str, ...]) -> bool:
    return set(labels) == set(output)


def _unify(context: TraceContext, terms: list[Term]) -> list[Term]:
    """Give every label one extent, and take diagonals of repeated labels."""
    extents: dict[str, Dim] = {}
    for term in terms:
        for label, extent in zip(term.labels, term.value.type.shape, strict=True):
            known = extents.get(label, 1)
            if known == 1 or known == extent:
                extents[label] = extent if known == 1 else known
            elif extent != 1 and not facts.decide(context, known, "==", extent):
                raise raises(f"operands could not be broadcast together on label {label}")
    return [_simplified(context, term, extents) for term in terms]


def _simplified(context: TraceContext, term: Term, extents: dict[str, Dim]) -> Term:
    value, labels = term.value, list(term.labels)
    ones = [i for i, label in enumerate(labels) if value.type.shape[i] == 1 and extents[label] != 1]
    if ones:
        value = emit(context, "squeeze", value, axes=tuple(ones))
        labels = [label for i, label in enumerate(labels) if i not in ones]
    shape = tuple(extents[label] for label in labels)
    if shape != value.type.shape:
        value = emit(context, "reshape", value, shape=shape)
    for label in [name for name, count in Counter(labels).items() for _ in range(count - 1)]:
        first = labels.index(label)
        second = labels.index(label, first + 1)
        value = emit(context, "diagonal", value, offset=0, axis1=first, axis2=second)
        labels = [name for i, name in enumerate(labels) if i not in (first, second)] + [label]
    return Term(value, tuple(labels))


def contract(context: TraceContext, terms: list[Term], output: tuple[str, ...]) -> Value:
    """The result of multiplying all terms and summing what is not in `output`."""
    result = _summed(context, terms[0], _needed(terms[1:], output))
    for position, term in enumerate(terms[1:], 1):
        later = _needed(terms[position + 1 :], output)
        term = _summed(context, term, later | set(result.labels))
        result = _pair(context, result, term, later)
    axes = tuple(result.labels.index(label) for label in output)
    if axes == tuple(range(len(axes))):
        return result.value
    return emit(context, "transpose", result.value, axes=axes)


def _needed(terms: list[Term], output: tuple[str, ...]) -> set[str]:
    return {label for term in terms for label in term.labels} | set(output)


def _summed(context: TraceContext, term: Term, needed: set[str]) -> Term:
    """The sum over labels that nothing needs."""
    axes = tuple(i for i, label in enumerate(term.labels) if label not in needed)
    if not axes:
        return term
    record = "any" if term.value.type.dtype is BOOL else "sum"
    value = emit(context, record, term.value, axes=axes, keepdims=False)
    return Term(value, tuple(label for label in term.labels if label in needed))


def _pair(context: TraceContext, left: Term, right: Term, needed: set[str]) -> Term:
    """The product of two terms, summed over shared labels that nothing after needs."""
    shared = [label for label in left.labels if label in right.labels]
    inner = [label for label in shared if label not in needed]
    batch = [label for label in shared if label in needed]
    rows = [label for label in left.labels if label not in shared]
    columns = [label for label in right.labels if label not in shared]
    if not inner:
        return _outer(context, left, right, [*batch, *rows, *columns])
    first = _as_matrix(context, left, batch, rows, inner)
    second = _as_matrix(context, right, batch, inner, columns)
    product = multiply_matrices(context, first, second)
    labels = (*batch, *rows, *columns)
    shape = (
        *(left.extent(label) for label in (*batch, *rows)),
        *(right.extent(label) for label in columns),
    )
    if product.type.shape != shape:
        product = emit(context, "reshape", product, shape=shape)
    return Term(product, labels)


def _as_matrix(
    context: TraceContext, term: Term, batch: list[str], rows: list[str], columns: list[str]
) -> Value:
    axes = tuple(term.labels.index(label) for label in (*batch, *rows, *columns))
    shape = (
        *(term.extent(label) for label in batch),
        dims.product(tuple(term.extent(label) for label in rows)),
        dims.product(tuple(term.extent(label) for label in columns)),
    )
    return matrix(context, term.value, axes, shape)


def _outer(context: TraceContext, left: Term, right: Term, labels: list[str]) -> Term:
    values = []
    for term in (left, right):
        axes = tuple(term.labels.index(label) for label in labels if label in term.labels)
        shape = tuple(term.extent(label) if label in term.labels else 1 for label in labels)
        values.append(matrix(context, term.value, axes, shape))
    record = "logical_and" if left.value.type.dtype is BOOL else "multiply"
    return Term(emit(context, record, *values), tuple(labels))


def _order(
    context: TraceContext, text: str, given: list[ArrayValue], optimize: PyValue
) -> tuple[int, ...]:
    """Memory order of the result, which depends on the operands' layouts: NumPy is asked.

    Extents decide the order of products alone, which only `optimize` looks for.
    """
    path: Any = False if is_none(optimize) else arguments.constant(context, optimize, "optimize")

    def call(make: probe.StandIn) -> Any:
        return np.einsum(text, *(make(array) for array in given), optimize=path)

    if path is False:
        return probe.memory_order(context, call, given)
    _, (result,) = probe.result_types(context, call, given, goes_through_all=True)
    return result.order
