"""Binary and unary operators, subscripts and unpacking, by the kinds of the operands."""

from __future__ import annotations

import enum
import types
from typing import TYPE_CHECKING

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.tracer import numpy
from jitflow.tracer.numpy import companions
from jitflow.tracer.objects import dicts, either, instances, modules, sequences, sets
from jitflow.tracer.objects.classes import search
from jitflow.tracer.objects.comparison import call_special, is_numeric, truth
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.keys import index_of, slice_of
from jitflow.tracer.objects.model import (
    DequeValue,
    DictValue,
    InstanceValue,
    NamespaceValue,
    RangeValue,
    SetValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import (
    UNARY,
    box_of,
    constant_binary,
    evaluate,
    specialise,
)
from jitflow.tracer.objects.plain import has_own
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import binary as binary_numbers
from jitflow.tracer.objects.scalars import logical_not
from jitflow.tracer.objects.scalars import unary as unary_number
from jitflow.tracer.objects.strings import format_percent
from jitflow.tracer.objects.wrap import resolve, resolve_deeply
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    NumbersValue,
    OpenNumber,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items, list_rows
    from jitflow.tracer.objects import deques, int_or_float, integer_lists
else:
    list_items = LazyModule("jitflow.tracer.list_items")
    list_rows = LazyModule("jitflow.tracer.list_rows")
    deques = LazyModule("jitflow.tracer.objects.deques")
    int_or_float = LazyModule("jitflow.tracer.objects.int_or_float")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")

NAMES = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
}


_OPERATOR_METHODS = (
    *(f"__{kind}{name}__" for name in NAMES.values() for kind in ("", "r", "i")),
    *("__neg__", "__pos__", "__invert__"),
)


def numpy_name(op: str, in_place: bool) -> str:
    """The name of the function of the `operator` module: ``add``, ``and_``, ``iadd``, ``iand``."""
    name = NAMES[op]
    if in_place:
        return f"i{name}"
    return f"{name}_" if name in ("and", "or") else name


def binary(
    tracer: Tracer, op: str, left: PyValue, right: PyValue, in_place: bool = False
) -> PyValue:
    """``left op right``, or ``left op= right``."""
    left, right = resolve(tracer, left), resolve(tracer, right)
    if _has_operators(left) or _has_operators(right):
        return _binary_instances(tracer, op, left, right, in_place)
    if OpenNumber.is_among(left, right):
        return _binary_open(tracer, op, left, right, in_place)
    if is_numeric(left) or is_numeric(right):
        return _binary_numpy(tracer, op, left, right, in_place)
    if isinstance(left, ConstantValue) and isinstance(right, ConstantValue):
        return constant_binary(op, left, right)
    if box_of(left) and box_of(right):
        return binary_numbers(tracer.context, op, left, right)
    if op == "*" and any(_is_text(value) for value in (left, right)):
        left, right = (_fixed(tracer, value) for value in (left, right))
        return constant_binary(op, left, right)
    if op == "%" and isinstance(left, ConstantValue) and isinstance(left.value, str | bytes):
        return format_percent(tracer, left.value, right)
    if op == "+" and not in_place and NumbersValue in (type(left), type(right)):
        return integer_lists.add(tracer, left, right)
    left, right = sets.as_set(tracer, left), sets.as_set(tracer, right)
    if isinstance(left, SetValue) and isinstance(right, SetValue) and op in ("|", "&", "-", "^"):
        return (sets.in_place if in_place else sets.binary)(tracer, op, left, right)
    if isinstance(left, DictValue) and isinstance(right, DictValue) and op == "|":
        target = left if in_place else dicts.copy(tracer, left)
        dicts.update(tracer, target, right)  # type: ignore[arg-type]
        return target
    return _binary_sequences(tracer, op, left, right, in_place)


def _is_text(value: PyValue) -> bool:
    return isinstance(value, ConstantValue) and isinstance(value.value, str | bytes)


def _fixed(tracer: Tracer, value: PyValue) -> PyValue:
    return specialise(tracer.context, value) if isinstance(value, ScalarValue) else value


def _binary_numpy(
    tracer: Tracer, op: str, left: PyValue, right: PyValue, in_place: bool
) -> PyValue:
    if op == "*" and any(isinstance(value, SequenceValue) for value in (left, right)):
        _check_repeated(left, right)
    left, right = (_as_operand(resolve_deeply(tracer, value)) for value in (left, right))
    name = numpy_name(op, in_place and isinstance(left, ArrayValue))
    return numpy.binary(tracer.context, name, left, right)


def _check_repeated(left: PyValue, right: PyValue) -> None:
    """NumPy's integers repeat lists and tuples, as Python's do."""
    for value in (left, right):
        if not isinstance(value, SequenceValue | ArrayValue) and issubclass(
            value.python_type, np.integer | np.bool_
        ):
            raise Unsupported("JF-B003", "a sequence repeated by a NumPy integer")


def _as_operand(value: PyValue) -> PyValue:
    """Members of IntEnum and other subclasses of numbers are int64 or float64 to NumPy."""
    if not isinstance(value, ConstantValue) or not isinstance(value.value, int | float):
        return value
    is_own_kind = type(value.value) in (int, float, bool) or isinstance(value.value, np.generic)
    return value if is_own_kind else ConstantValue(np.asarray(value.value)[()])


def _binary_sequences(
    tracer: Tracer, op: str, left: PyValue, right: PyValue, in_place: bool
) -> PyValue:
    if op == "*" and isinstance(right, SequenceValue):
        left, right = right, left
    if not isinstance(left, SequenceValue):
        raise Unsupported("JF-B003", _describe(op, left, right))
    kind = sequences.base_kind(left.kind)
    if op == "+" and in_place and kind is list:
        sequences.extend(tracer, left, right)
        return left
    if op == "+" and isinstance(right, SequenceValue):
        if kind is not sequences.base_kind(right.kind):
            raise Unsupported("JF-B009", f"TypeError: {_describe(op, left, right)}")
        if left.rows is not None or right.rows is not None:
            return list_items.concatenated(tracer, left, right)
        return SequenceValue(kind, left.items + right.items)
    if op == "*" and box_of(right) in ("int", "bool"):
        repeated = None if in_place else list_rows.repeated(tracer, left, right)
        if repeated is not None:
            return repeated
        count = index_of(tracer, right)
        if count * len(left.items) > 100_000:
            raise Unsupported("JF-B015", "repetition of a list")
        if in_place and kind is list:
            sequences.change(tracer, left)
            left.items *= count
            return left
        return SequenceValue(kind, left.items * count)
    raise Unsupported("JF-B003", _describe(op, left, right))


def _binary_instances(
    tracer: Tracer, op: str, left: PyValue, right: PyValue, in_place: bool
) -> PyValue:
    name = NAMES[op]
    tries = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
    if (
        left.python_type is not right.python_type
        and issubclass(right.python_type, left.python_type)
        and search(right.python_type, f"__r{name}__")
        is not search(left.python_type, f"__r{name}__")
    ):
        tries.reverse()
    if in_place:
        tries.insert(0, (left, f"__i{name}__", right))
    if isinstance(left, ArrayValue) and search(right.python_type, "__array_ufunc__") is None:
        tries = tries[-1:]
    for receiver, method, other in tries:
        if method == f"__r{name}__" and left.python_type is right.python_type:
            continue
        if not _has_operators(receiver):
            if is_numeric(receiver) or isinstance(receiver, SequenceValue):
                raise Unsupported("JF-B003", _describe(op, left, right))
            continue
        assert isinstance(receiver, InstanceValue | SequenceValue)
        if isinstance(receiver, SequenceValue) and not has_own(receiver.kind, method):
            if getattr(tuple, method, None) is not None:
                raise Unsupported("JF-B003", _describe(op, left, right))
            continue
        result = call_special(tracer, receiver, method, other)
        if result is not None:
            return result
    raise Unsupported("JF-B009", f"TypeError: {_describe(op, left, right)}")


def _has_operators(value: PyValue) -> bool:
    """Whether operators on `value` may be methods of a class written in Python."""
    if isinstance(value, SequenceValue) and value.kind not in (tuple, list):
        return any(has_own(value.kind, name) for name in _OPERATOR_METHODS)
    return isinstance(value, InstanceValue)


def _describe(op: str, left: PyValue, right: PyValue) -> str:
    return f"{left.python_type.__name__} {op} {right.python_type.__name__}"


def _binary_open(tracer: Tracer, op: str, left: PyValue, right: PyValue, in_place: bool) -> PyValue:
    """``left op right`` where data decide of which type one of them is."""
    left, right = int_or_float.beside(left, right)
    if IntOrFloatValue in (type(left), type(right)):
        return int_or_float.binary(tracer.context, op, left, right)
    if EitherValue in (type(left), type(right)):
        if not either.is_alike(left, right):
            return either.binary(tracer.context, op, left, right)
        left, right = either.as_numpy(left), either.as_numpy(right)
    return binary(tracer, op, left, right, in_place)


def unary(tracer: Tracer, op: str, value: PyValue) -> PyValue:
    """``-``, ``+``, ``~`` or ``not``."""
    value = resolve(tracer, value)
    if op == "not":
        return logical_not(tracer.context, truth(tracer, value))
    names = {"-": "neg", "+": "pos", "~": "invert"}
    if _has_operators(value):
        assert isinstance(value, InstanceValue | SequenceValue)
        result = call_special(tracer, value, f"__{names[op]}__")
        if result is not None:
            return result
    if isinstance(value, EitherValue):
        return either.unary(tracer.context, op, value)
    if isinstance(value, IntOrFloatValue):
        return int_or_float.unary(tracer.context, op, value)
    if is_numeric(value):
        return numpy.unary(tracer.context, names[op], value)
    if isinstance(value, ConstantValue):
        return evaluate(UNARY[op], value.value)
    if box_of(value):
        return unary_number(tracer.context, op, value)
    raise Unsupported("JF-B009", f"TypeError: bad operand type for unary {op}")


# Subscripts


def get_item(tracer: Tracer, value: PyValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    value, key = resolve(tracer, value), resolve(tracer, key)
    if is_numeric(value):
        return numpy.getitem(tracer.context, value, resolve_deeply(tracer, key))
    if isinstance(value, SequenceValue):
        return sequences.get_item(tracer, value, key)
    if isinstance(value, DictValue):
        return dicts.get_item(tracer, value, key)
    if isinstance(value, NamespaceValue):
        return modules.get_item(tracer, value, key)
    if isinstance(value, ConstantValue):
        return _constant_item(tracer, value, key)
    if isinstance(value, RangeValue):
        return _range_item(tracer, value, key)
    if isinstance(value, NumbersValue):
        return integer_lists.get_item(tracer, value, key)
    if isinstance(value, CompanionValue):
        return companions.item(tracer.context, value, key)
    if isinstance(value, DequeValue):
        return deques.get_item(tracer, value, key)
    found = _instance_item(tracer, value, key) if isinstance(value, InstanceValue) else None
    if found is not None:
        return found
    raise Unsupported("JF-B003", f"subscript of {value.python_type.__name__}")


def _instance_item(tracer: Tracer, value: InstanceValue, key: PyValue) -> PyValue | None:
    """``value[key]`` by the method of a class; None where it has none."""
    if numpy.is_joiner(value.python_type):
        return numpy.join(tracer.context, value.python_type, resolve_deeply(tracer, key))
    return call_special(tracer, value, "__getitem__", key)


def _constant_item(tracer: Tracer, value: ConstantValue, key: PyValue) -> PyValue:
    real = value.value
    if isinstance(real, str | bytes):
        where = slice_of(tracer, key) if isinstance(key, SliceValue) else index_of(tracer, key)
        return evaluate(lambda: real[where])
    if isinstance(real, enum.EnumMeta) and isinstance(key, ConstantValue):
        return evaluate(lambda: real[key.value])
    raise Unsupported("JF-B003", f"subscript of {shown(real)}")


def _range_item(tracer: Tracer, value: RangeValue, key: PyValue) -> PyValue:
    parts = [index_of(tracer, part) for part in (value.start, value.stop, value.step)]
    real = range(*parts)
    if isinstance(key, SliceValue):
        cut = real[slice_of(tracer, key)]
        start, stop, step = (ConstantValue(part) for part in (cut.start, cut.stop, cut.step))
        return RangeValue(start, stop, step)
    position = index_of(tracer, key)
    return evaluate(lambda: real[position])


def set_item(tracer: Tracer, value: PyValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``."""
    if dicts.can_store(tracer, value, key):
        dicts.store_unseen(tracer, value, key, new)
        return
    value, key = resolve(tracer, value), resolve(tracer, key)
    if isinstance(value, ArrayValue):
        key, new = resolve_deeply(tracer, key), resolve_deeply(tracer, new)
        numpy.setitem(tracer.context, value, key, new)
    elif isinstance(value, SequenceValue):
        sequences.set_item(tracer, value, key, new)
    elif isinstance(value, DictValue):
        dicts.set_item(tracer, value, key, new)
    elif isinstance(value, NamespaceValue):
        modules.set_item(tracer, value, key, new)
    elif isinstance(value, InstanceValue):
        _call_required(tracer, value, "__setitem__", key, new)
    elif isinstance(value, NumbersValue):
        integer_lists.set_item(tracer, value, key, resolve(tracer, new))
    elif isinstance(value, DequeValue):
        deques.set_item(tracer, value, key, new)
    elif isinstance(value, CompanionValue):
        companions.set_item(tracer.context, value, key, resolve_deeply(tracer, new))
    else:
        raise Unsupported("JF-B014", f"item assignment to {value.python_type.__name__}")


def delete_item(tracer: Tracer, value: PyValue, key: PyValue) -> None:
    """``del value[key]``."""
    value, key = resolve(tracer, value), resolve(tracer, key)
    if isinstance(value, SequenceValue):
        sequences.delete_item(tracer, value, key)
    elif isinstance(value, DictValue):
        dicts.delete_item(tracer, value, key)
    elif isinstance(value, NamespaceValue):
        modules.set_item(tracer, value, key, None)
    elif isinstance(value, InstanceValue):
        _call_required(tracer, value, "__delitem__", key)
    else:
        raise Unsupported("JF-B014", f"item deletion from {value.python_type.__name__}")


def _call_required(tracer: Tracer, value: InstanceValue, name: str, *args: PyValue) -> None:
    if not isinstance(getattr(value.cls, name, None), types.FunctionType):
        raise Unsupported("JF-B009", f"TypeError: {value.cls.__name__} has no {name}")
    method = instances.special_method(tracer, value, name)
    if method is not None:
        call_nested(tracer, method, *args)


# Unpacking


def unpack(tracer: Tracer, value: PyValue, count: int) -> list[PyValue]:
    """The items of ``a, b, c = value``."""
    value = resolve(tracer, value)
    if isinstance(value, SequenceValue) and value.rows is not None:
        return list_items.unpack(tracer, value, count)
    items = items_of(tracer, value)
    if len(items) != count:
        raise Unsupported("JF-B009", f"ValueError: {len(items)} values to unpack into {count}")
    return items


def unpack_starred(tracer: Tracer, value: PyValue, before: int, after: int) -> list[PyValue]:
    """The values of ``a, *b, c = value``, in order."""
    items = items_of(tracer, value)
    if len(items) < before + after:
        raise Unsupported("JF-B009", "ValueError: not enough values to unpack")
    end = len(items) - after
    middle = SequenceValue(list, items[before:end])
    return [*items[:before], middle, *items[end:]]
