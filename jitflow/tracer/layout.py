"""NumPy's rules for memory order, on numbers: how fresh results are laid out, what is contiguous.

An order is a tuple of axes from the slowest (largest stride) to the fastest. Owns the rules of
`nditer` (element-wise results and reductions), of copies, and of concatenation. Knows neither
graphs nor symbols: strides and extents come as they are in the call that is traced.
"""

from __future__ import annotations

from collections.abc import Sequence

Order = tuple[int, ...]


def c_order(rank: int) -> Order:
    """Last axis fastest."""
    return tuple(range(rank))


def f_order(rank: int) -> Order:
    """First axis fastest."""
    return tuple(reversed(range(rank)))


def is_contiguous(
    shape: Sequence[int], strides: Sequence[int], itemsize: int, order: Order
) -> bool:
    """Whether the elements fill their memory in `order`; NumPy's relaxed rule for extents 0, 1."""
    if 0 in shape:
        return True
    step = itemsize
    for axis in reversed(order):
        if shape[axis] != 1:
            if strides[axis] != step:
                return False
            step *= shape[axis]
    return True


def elementwise_order(
    shape: Sequence[int],
    operands: Sequence[tuple[Sequence[int], Sequence[int], int]],
    trivial: bool = True,
) -> Order:
    """Order of a fresh element-wise result (order "K") of operands (shape, strides, itemsize).

    Where no operand is broadcast and all are contiguous in one order, that is the order; with
    ``trivial=False`` (`numpy.where`) there is no such shortcut. Else `nditer` decides.
    """
    rank = len(shape)
    arrays = [operand for operand in operands if len(operand[0])]
    if trivial and all(tuple(operand[0]) == tuple(shape) for operand in arrays):
        for order in (c_order(rank), f_order(rank)):
            if all(is_contiguous(*operand, order) for operand in arrays):
                return order
    return iteration_order(shape, [broadcast_strides(s, t, shape) for s, t, _ in arrays])


def broadcast_strides(
    shape: Sequence[int], strides: Sequence[int], target: Sequence[int]
) -> tuple[int, ...]:
    """Strides of an operand broadcast to `target`: 0 along repeated axes."""
    missing = len(target) - len(shape)
    kept = (0 if extent == 1 else step for extent, step in zip(shape, strides, strict=True))
    return (0,) * missing + tuple(kept)


def iteration_order(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> Order:
    """Axis order that `nditer` chooses for operands with these broadcast strides.

    A stable insertion sort from C order; axes that no operand can tell apart stay, and where
    operands disagree C order wins.
    """
    axes = list(reversed(range(len(shape))))
    for position in range(1, len(shape)):
        axis, target = axes[position], position
        for before in range(position - 1, -1, -1):
            slower = _is_slower(shape, strides, axis, axes[before])
            if slower:
                break
            if slower is False:
                target = before
        axes.insert(target, axes.pop(position))
    return tuple(reversed(axes))


def _is_slower(
    shape: Sequence[int], strides: Sequence[Sequence[int]], axis: int, other: int
) -> bool | None:
    """Whether `axis` has the larger stride; None where no operand can tell."""
    result: bool | None = None
    if shape[axis] == 1 or shape[other] == 1:
        return None
    for operand in strides:
        if operand[axis] and operand[other]:
            if abs(operand[other]) <= abs(operand[axis]):
                result = True
            elif result is None:
                result = False
    return result


def concatenation_order(
    rank: int, operands: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> Order:
    """Order of the result of `numpy.concatenate` of operands (shape, strides)."""
    axes = list(range(rank))
    for position in range(1, rank):
        axis, target = axes[position], position
        for before in range(position - 1, -1, -1):
            faster = _is_faster(operands, axis, axes[before])
            if faster:
                break
            if faster is False:
                target = before
        axes.insert(target, axes.pop(position))
    return tuple(axes)


def _is_faster(
    operands: Sequence[tuple[Sequence[int], Sequence[int]]], axis: int, other: int
) -> bool | None:
    """Whether `axis` has the smaller stride; None where no operand can tell."""
    result: bool | None = None
    for shape, strides in operands:
        if shape[axis] != 1 and shape[other] != 1:
            if abs(strides[axis]) <= abs(strides[other]):
                result = True
            elif result is None:
                result = False
    return result


def memory_order(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> Order:
    """The order of an array that fills its memory, axes of extent 1 included; else as of a copy."""
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], shape[axis] == 1, axis))
    steps, step = [0] * len(shape), itemsize
    for axis in reversed(order):
        steps[axis] = step
        step *= shape[axis]
    if steps == list(strides):
        return tuple(order)
    return copy_order(shape, strides, itemsize)


def copy_order(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> Order:
    """Order of a copy with order "K" (also `astype`, `zeros_like`, `sort`)."""
    rank = len(shape)
    for order in (c_order(rank), f_order(rank)):
        if rank <= 1 or is_contiguous(shape, strides, itemsize, order):
            return order
    return tuple(sorted(range(rank), key=lambda axis: (-abs(strides[axis]), axis)))
