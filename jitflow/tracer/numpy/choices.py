"""Shuffles and choices as the simpler draws that NumPy makes of them.

Whether it does so is tried once for each kind of generator; the rest is left to call-outs.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, dispatch, indexing, random
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.numpy.table import Entry, bind, parse_signature
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

_CHOICE = parse_signature("a, size=None, replace=True, p=None")


def shuffle(
    context: TraceContext, drawn: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """Rows in another order, in place: a permuted copy of the array is written to it."""
    array = context.resolve(args[0]) if len(args) == 1 and not kwargs else None
    if not isinstance(array, ArrayValue) or not array.shape:
        raise unsupported("shuffle of what is no array")
    if not _permutes_as_it_shuffles(_is_new(drawn)):
        raise unsupported("shuffle")
    result = random.call(context, _sibling(drawn, "permutation"), [array], {})
    return dispatch.nested_call(context, np.copyto, [array, result], {})


def choice(
    context: TraceContext, drawn: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue | None:
    """Items of an array, or numbers below one, at drawn positions; None for other choices."""
    mark, guards = len(context.builder.block.nodes), len(context.guards)
    try:
        return _chosen(context, drawn, bind(Entry(_no_handler, _CHOICE), args, kwargs))
    except Unsupported:
        del context.builder.block.nodes[mark:]
        context.drop_guards(guards)
        return None


def _chosen(context: TraceContext, drawn: Any, bound: dict[str, PyValue]) -> PyValue:
    repeats = bound["replace"]
    plain = arguments.is_none(bound["p"]) and isinstance(repeats, ConstantValue)
    is_new = _is_new(drawn)
    if not (plain and repeats.value is True and _chooses_by_integers(is_new)):  # type: ignore[attr-defined]
        raise unsupported("this choice")
    method = _sibling(drawn, "integers" if is_new else "randint")
    pool = context.resolve(bound["a"])
    if isinstance(pool, SequenceValue):
        pool = dispatch.nested_call(context, np.array, [pool], {})
    if isinstance(pool, ArrayValue):
        if len(pool.shape) != 1 or not facts.decide(context, 0, "<", pool.shape[0]):
            raise unsupported("choice of rows")
        count = arguments.dim_value(pool.shape[0])
    elif isinstance(pool, ConstantValue | ScalarValue):
        count = pool
    else:
        raise unsupported("choice of this")
    size = {} if arguments.is_none(bound["size"]) else {"size": bound["size"]}
    position = random.call(context, method, [ConstantValue(0), count], size)
    if not isinstance(pool, ArrayValue):
        if isinstance(position, ScalarValue):
            return ScalarValue("int", position.dtype, position.value)
        return position
    return indexing.getitem(context, pool, position)


def _is_new(drawn: Any) -> bool:
    return isinstance(drawn.__self__, np.random.Generator)


def _sibling(drawn: Any, name: str) -> Any:
    """Another method of the same generator."""
    method = getattr(drawn.__self__, name)
    return random.Draw(method, drawn.source) if isinstance(drawn, random.Draw) else method


def _no_handler(*args: Any, **kwargs: Any) -> PyValue:
    raise AssertionError("only the signature of a choice is used")


def _pair(is_new: bool) -> tuple[Any, Any]:
    make: Any = np.random.default_rng if is_new else np.random.RandomState
    return make(5), make(5)


@functools.cache
def _permutes_as_it_shuffles(is_new: bool) -> bool:
    mine, theirs = _pair(is_new)
    for shape in ((90,), (1,), (40, 3), (7, 2, 2)):
        array = np.arange(float(np.prod(shape))).reshape(shape)
        permuted = mine.permutation(array)
        theirs.shuffle(array)
        if not np.array_equal(permuted, array):
            return False
    return bool(mine.random() == theirs.random())


@functools.cache
def _chooses_by_integers(is_new: bool) -> bool:
    mine, theirs = _pair(is_new)
    below = mine.integers if is_new else mine.randint
    for count in (1, 2, 5, 90):
        pool = np.arange(float(count)) * 3
        for size in (None, 4, (2, 3)):
            for given in (pool, count):
                positions = below(0, count, size=size)
                found = positions if given is count else pool[positions]
                if given is count and size is None:
                    found = int(found)
                chosen = theirs.choice(given, size)
                if type(found) is not type(chosen) or not np.array_equal(found, chosen):
                    return False
    return bool(mine.random() == theirs.random())
