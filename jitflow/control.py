"""Control flow as functions, with JAX's names and argument order.

They are ordinary Python: eager code needs no compiler. Compiled code traces through them and keeps
their loops and branches as it keeps written ones. It knows of nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def cond(
    pred: Any,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
) -> Any:
    """``true_fun(*operands) if pred else false_fun(*operands)``.

    Parameters
    ----------
    pred : bool, or array of one element
    true_fun, false_fun : callable
        For compiled code to keep the branch, both give values of equal types and shapes.
    *operands
        What the function that is chosen is called with.

    Examples
    --------
    >>> cond(3 > 2, lambda x: x + 1, lambda x: x - 1, 10)
    11
    """
    if pred:
        return true_fun(*operands)
    return false_fun(*operands)


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any
) -> Any:
    """Call `body_fun` on its own result, from `init_val`, while `cond_fun` of it is true.

    Examples
    --------
    >>> while_loop(lambda x: x < 100, lambda x: x * 2, 3)
    192
    """
    value = init_val
    while cond_fun(value):
        value = body_fun(value)
    return value


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run ``carry, y = f(carry, x)`` over the leading axis of `xs`.

    Parameters
    ----------
    f : callable
        Takes the carried value and one slice of `xs`; gives the next one and an output.
    init
        The first carried value.
    xs : array, or tuple, list or dict of arrays with one length; or None
        None gives ``f(carry, None)``, `length` times.
    length : int, optional
    reverse : bool
        Begin at the end; outputs stay in the order of `xs`.

    Returns
    -------
    carry
        The last carried value.
    ys : array, or tuple, list or dict of arrays
        The outputs, stacked along a new leading axis; None where `f` gives None.

    Raises
    ------
    ValueError
        Where the number of iterations is not known, or arrays in `xs` differ in length; and where
        there is none, since the shape of the outputs is not known then.

    Examples
    --------
    >>> total, sums = scan(lambda s, x: (s + x, s + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(total), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    count = _length(xs, length)
    if count == 0:
        raise ValueError("scan over no elements: the shape of its outputs is not known")
    first = count - 1 if reverse else 0
    carry, y = f(init, _item(xs, first))
    ys = _stack_for(y, count)
    _put(ys, first, y)
    for step in range(1, count):
        index = count - 1 - step if reverse else step
        carry, y = f(carry, _item(xs, index))
        _put(ys, index, y)
    return carry, ys


def _length(xs: Any, length: int | None) -> int:
    lengths = _lengths(xs)
    if length is not None:
        lengths = [*lengths, length]
    if not lengths:
        raise ValueError("scan needs `xs` or `length`")
    for other in lengths:
        if other != lengths[0]:
            raise ValueError(f"scan over different lengths: {lengths[0]} and {other}")
    return lengths[0]


def _lengths(xs: Any) -> list[int]:
    if xs is None:
        return []
    if isinstance(xs, dict):
        return [length for part in xs.values() for length in _lengths(part)]
    if isinstance(xs, (tuple, list)):
        return [length for part in xs for length in _lengths(part)]
    return [len(xs)]


def _item(xs: Any, index: int) -> Any:
    """Element `index` of each array in `xs`."""
    if xs is None:
        return None
    if isinstance(xs, dict):
        return {name: _item(part, index) for name, part in xs.items()}
    if isinstance(xs, tuple):
        return tuple([_item(part, index) for part in xs])
    if isinstance(xs, list):
        return [_item(part, index) for part in xs]
    return xs[index]


def _stack_for(y: Any, count: int) -> Any:
    """Memory for `count` outputs like `y`."""
    if y is None:
        return None
    if isinstance(y, dict):
        return {name: _stack_for(part, count) for name, part in y.items()}
    if isinstance(y, tuple):
        return tuple([_stack_for(part, count) for part in y])
    if isinstance(y, list):
        return [_stack_for(part, count) for part in y]
    sample = np.asarray(y)
    return np.empty((count, *sample.shape), sample.dtype)


def _put(ys: Any, index: int, y: Any) -> None:
    """Write one output into the memory of all."""
    if ys is None:
        return
    if isinstance(ys, dict):
        for name in ys:
            _put(ys[name], index, y[name])
    elif isinstance(ys, (tuple, list)):
        for place in range(len(ys)):
            _put(ys[place], index, y[place])
    else:
        ys[index] = y
