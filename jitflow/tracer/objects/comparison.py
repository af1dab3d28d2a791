"""Comparison, identity, truth, length and membership, by the kinds of the values."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dtypes import BOOL
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import IsObject, NotSame, SameObject, TypeIs
from jitflow.tracer import numpy
from jitflow.tracer.numpy import companions
from jitflow.tracer.objects import either, instances, modules, sets
from jitflow.tracer.objects.iterators import items_of, range_length
from jitflow.tracer.objects.keys import is_open, key_of
from jitflow.tracer.objects.model import (
    DequeValue,
    DictValue,
    DictViewValue,
    IdentityValue,
    InstanceValue,
    LazyValue,
    NamespaceValue,
    OpaqueValue,
    RangeValue,
    SetValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import COMPARE, box_of, evaluate
from jitflow.tracer.objects.plain import IMMUTABLE, overrides
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import binary, logical_not
from jitflow.tracer.objects.scalars import compare as compare_numbers
from jitflow.tracer.objects.scalars import truth as truth_of_number
from jitflow.tracer.objects.wrap import resolve, resolve_deeply
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    NumbersValue,
    OpenNumber,
    PerhapsNone,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
    from jitflow.tracer.objects import deques, hashing, int_or_float, integer_lists
else:
    hashing = LazyModule("jitflow.tracer.objects.hashing")
    int_or_float = LazyModule("jitflow.tracer.objects.int_or_float")
    list_items = LazyModule("jitflow.tracer.list_items")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")
    deques = LazyModule("jitflow.tracer.objects.deques")

NAMES = {"<": "lt", "<=": "le", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge"}
_REFLECTED = {"<": ">", "<=": ">=", "==": "==", "!=": "!=", ">": "<", ">=": "<="}
_MANY = 8
"""Items of a container from which an item is not compared with each of them in a loop."""
_TRUE, _FALSE = ConstantValue(True), ConstantValue(False)


def is_numeric(value: PyValue) -> bool:
    """Whether NumPy decides what operators on `value` mean: an array or a NumPy scalar."""
    return (
        isinstance(value, ArrayValue)
        or (isinstance(value, ScalarValue) and value.box == "scalar")
        or (isinstance(value, ConstantValue) and isinstance(value.value, np.generic))
    )


def compare(tracer: Tracer, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right``."""
    left, right = resolve(tracer, left), resolve(tracer, right)
    if isinstance(left, InstanceValue) or isinstance(right, InstanceValue):
        return _compare_instances(tracer, op, left, right)
    if OpenNumber.is_among(left, right):
        return _compare_open(tracer, op, left, right)
    if is_numeric(left) or is_numeric(right):
        return _compare_numpy(tracer, op, left, right)
    if isinstance(left, ConstantValue) and isinstance(right, ConstantValue):
        return evaluate(COMPARE[op], left.value, right.value)
    if box_of(left) and box_of(right):
        return compare_numbers(tracer.context, op, left, right)
    if isinstance(left, IdentityValue) and isinstance(right, IdentityValue):
        return _compare_identities(tracer, op, left, right)
    if isinstance(left, SequenceValue) and isinstance(right, SequenceValue):
        return _compare_sequences(tracer, op, left, right)
    left, right = sets.as_set(tracer, left), sets.as_set(tracer, right)
    if isinstance(left, SetValue) and isinstance(right, SetValue):
        return sets.compare(tracer, op, left, right)
    if isinstance(left, DictValue) and isinstance(right, DictValue) and op in ("==", "!="):
        return ConstantValue(_equal_dicts(tracer, left, right) == (op == "=="))
    if op in ("==", "!=") and _never_equal(left, right):
        return ConstantValue(op == "!=")
    raise Unsupported("JF-B003", f"{_name(left)} {op} {_name(right)}")


def _compare_open(tracer: Tracer, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` where data decide of which type one of them is."""
    left, right = int_or_float.beside(left, right)
    if IntOrFloatValue in (type(left), type(right)):
        return int_or_float.compare(tracer.context, op, left, right)
    if EitherValue in (type(left), type(right)):
        if not either.is_alike(left, right):
            return either.compare(tracer.context, op, left, right)
        left, right = either.as_numpy(left), either.as_numpy(right)
    return compare(tracer, op, left, right)


def _compare_identities(
    tracer: Tracer, op: str, left: IdentityValue, right: IdentityValue
) -> PyValue:
    if op not in ("==", "!="):
        raise Unsupported("JF-B010", "order of id()")
    return ConstantValue(is_same(tracer, left.value, right.value) == (op == "=="))


def _compare_numpy(tracer: Tracer, op: str, left: PyValue, right: PyValue) -> PyValue:
    is_scalar = not isinstance(left, ArrayValue) and not isinstance(right, ArrayValue)
    if is_scalar and op in ("==", "!=") and any(_is_none_or_text(v) for v in (left, right)):
        is_none = any(isinstance(v, ConstantValue) and v.value is None for v in (left, right))
        beside_text = np.float64(0) != "" if op == "!=" else np.float64(0) == ""
        return ConstantValue(op == "!=" if is_none else beside_text)  # bool before NumPy 2.1
    left, right = resolve_deeply(tracer, left), resolve_deeply(tracer, right)
    return numpy.compare(tracer.context, NAMES[op], left, right)


def _is_none_or_text(value: PyValue) -> bool:
    return isinstance(value, ConstantValue) and (
        value.value is None or isinstance(value.value, str)
    )


def _never_equal(left: PyValue, right: PyValue) -> bool:
    """Whether two different built-in kinds are compared: they are unequal."""
    kinds = (left, right)
    if any(isinstance(value, OpaqueValue | InstanceValue) for value in kinds):
        return False
    if isinstance(left, type(right)) and not isinstance(left, ConstantValue):
        return False
    mutable = SequenceValue | DictValue | SetValue | RangeValue | SliceValue
    return any(isinstance(value, mutable) for value in kinds) and all(
        isinstance(v, mutable | ScalarValue)
        or (isinstance(v, ConstantValue) and type(v.value) in IMMUTABLE)
        for v in kinds
    )


def _compare_sequences(
    tracer: Tracer, op: str, left: SequenceValue, right: SequenceValue
) -> PyValue:
    if (left.kind is list) != (right.kind is list):
        if op in ("==", "!="):
            return ConstantValue(op == "!=")
        raise Unsupported("JF-B009", "TypeError: list and tuple are not ordered")
    has_other_length = len(left.items) != len(right.items)
    if op in ("==", "!=") and has_other_length and _is_seen_by_length(tracer, left, right):
        return ConstantValue(op == "!=")
    return _compare_from(tracer, op, left, right, 0)


def _compare_from(
    tracer: Tracer, op: str, left: SequenceValue, right: SequenceValue, index: int
) -> PyValue:
    """The comparison of two sequences of which the first `index` items are equal."""
    if index >= min(len(left.items), len(right.items)):
        return ConstantValue(COMPARE[op](len(left.items), len(right.items)))
    a, b = (resolve(tracer, sequence.items[index]) for sequence in (left, right))
    equal = _TRUE if a is b else truth(tracer, compare(tracer, "==", a, b))
    if box_of(equal) != "bool" or isinstance(equal, ConstantValue):
        if known_truth(tracer, equal):
            return _compare_from(tracer, op, left, right, index + 1)
        if index >= min(len(left.items), len(right.items)):  # the comparison took them away
            return ConstantValue(COMPARE[op](len(left.items), len(right.items)))
        return ConstantValue(op == "!=") if op in ("==", "!=") else compare(tracer, op, a, b)
    rest = _compare_from(tracer, op, left, right, index + 1)
    other = logical_not(tracer.context, equal)
    if op in ("==", "!="):
        return binary(tracer.context, *(("&", equal, rest) if op == "==" else ("|", other, rest)))
    ordered = truth(tracer, compare(tracer, op, a, b))
    both = binary(tracer.context, "&", equal, rest), binary(tracer.context, "&", other, ordered)
    return binary(tracer.context, "|", *both)


def _equal_dicts(tracer: Tracer, left: DictValue, right: DictValue) -> bool:
    if left.items.keys() != right.items.keys():
        return False
    pairs = ((left.items[key][1], right.items[key][1]) for key in left.items)
    return all(is_equal_item(tracer, a, b) for a, b in pairs)


def _compare_instances(tracer: Tracer, op: str, left: PyValue, right: PyValue) -> PyValue:
    tries = [(left, NAMES[op], right), (right, NAMES[_REFLECTED[op]], left)]
    if left.python_type is not right.python_type and issubclass(
        right.python_type, left.python_type
    ):
        tries.reverse()
    for receiver, name, other in tries:
        if not isinstance(receiver, InstanceValue):
            continue
        result = call_special(tracer, receiver, f"__{name}__", other)
        if result is not None:
            return result
        if is_numeric(other):
            raise Unsupported("JF-B003", f"{_name(left)} {op} {_name(right)}")
    if op in ("==", "!="):
        return ConstantValue(is_same(tracer, left, right) == (op == "=="))
    raise Unsupported("JF-B009", f"TypeError: {op} not supported for {_name(left)}")


def call_special(
    tracer: Tracer, receiver: InstanceValue | SequenceValue, name: str, *args: PyValue
) -> PyValue | None:
    """Run a special method of a Python class; None where there is none or NotImplemented."""
    cls = receiver.python_type
    raw = getattr(cls, name, None)
    if raw is None or raw is getattr(object, name, None):
        if name == "__ne__" and overrides(cls, "__eq__"):
            equal = call_special(tracer, receiver, "__eq__", *args)
            return None if equal is None else logical_not(tracer.context, truth(tracer, equal))
        return None
    method = instances.special_method(tracer, receiver, name)
    if method is None:
        return None
    result = resolve(tracer, call_nested(tracer, method, *args))
    is_refusal = isinstance(result, ConstantValue) and result.value is NotImplemented
    return None if is_refusal else result


def _is_seen_by_length(tracer: Tracer, left: SequenceValue, right: SequenceValue) -> bool:
    """Whether lists are compared, or tuples of numbers: other items of tuples are asked first."""
    items = [resolve(tracer, item) for item in (*left.items, *right.items)]
    return left.kind is list or all(isinstance(v, ConstantValue | ScalarValue) for v in items)


def is_equal_item(tracer: Tracer, left: PyValue, right: PyValue) -> bool:
    """``left is right or left == right``, as containers compare; must be known at trace time."""
    left, right = resolve(tracer, left), resolve(tracer, right)
    if left is right:
        return True
    return known_truth(tracer, compare(tracer, "==", left, right))


def is_none(tracer: Tracer, value: PyValue) -> PyValue:
    """``value is None``: a constant, or a run-time bool where data decide it."""
    if isinstance(value, PerhapsNone):
        emit = tracer.context.builder.emit
        return ScalarValue("bool", BOOL, emit("logical_not", value.is_there))
    return ConstantValue(is_same(tracer, value, ConstantValue(None)))


def is_same(tracer: Tracer, left: PyValue, right: PyValue) -> bool:
    """``left is right``, guarded."""
    for first, second in ((left, right), (right, left)):
        if isinstance(first, ConstantValue) and type(second) is LazyValue:
            known = _is_constant(tracer, second, first.value)
            if known is not None:
                return known
    if type(left) is LazyValue and type(right) is LazyValue and left.real is not right.real:
        return _are_distinct(tracer, left, right)
    left, right = resolve(tracer, left), resolve(tracer, right)
    if left is right:
        return True
    if not (_is_none(left) or _is_none(right)):
        _check_known(left)
        _check_known(right)
    if isinstance(left, ConstantValue) and isinstance(right, ConstantValue):
        return _same_constants(left.value, right.value)
    if left.source is not None and right.source is not None:
        real = [getattr(value, "real", value) for value in (left, right)]
        if real[0] is real[1]:
            tracer.context.guard(SameObject(left.source, right.source))
            return True
        tracer.context.guard(NotSame(left.source, right.source))
    if left.python_type is right.python_type and _has_shared_objects(left, right):
        raise Unsupported("JF-B010", "identity of numbers")
    return False


def _is_none(value: PyValue) -> bool:
    return isinstance(value, ConstantValue) and value.value is None


def _check_known(value: PyValue) -> None:
    """Decline what may be another object in eager Python, or several values stand for."""
    if isinstance(value, ArrayValue) and value.storage.uncertain:
        raise Unsupported("JF-B006", f"identity of {value.storage.uncertain}")
    if isinstance(value, SequenceValue) and (value.host or value.lender) is not None:
        raise Unsupported("JF-B006", "identity of an item of a list of lists")
    if isinstance(value, DictValue) and value.is_lent:
        raise Unsupported("JF-B006", "identity of a dict in a list that grows")


def _has_shared_objects(left: PyValue, right: PyValue) -> bool:
    """Whether Python may use one object for two of these: small integers, bools, tuples."""
    if isinstance(left, ScalarValue) or isinstance(right, ScalarValue):
        return True
    if not (isinstance(left, SequenceValue) and isinstance(right, SequenceValue)):
        return False
    return left.kind is not list and len(left.items) == len(right.items)


def _is_constant(tracer: Tracer, value: LazyValue, expected: Any) -> bool | None:
    """Whether a lazy value is a singleton, with the weakest guard."""
    if value.real is expected:
        resolve(tracer, value)
        return True
    if expected is None or isinstance(expected, bool) or expected is Ellipsis:
        if type(value.real) is type(expected):
            resolve(tracer, value)
        else:
            tracer.context.guard(TypeIs(value.source, type(value.real)))
        return False
    return None


def _are_distinct(tracer: Tracer, left: LazyValue, right: LazyValue) -> bool:
    tracer.context.guard(NotSame(left.source, right.source))
    return False


def _same_constants(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if type(left) in (int, str, bytes, float, complex) and left == right:
        raise Unsupported("JF-B010", "identity of equal constants")
    return False


def guard_identity(tracer: Tracer, value: LazyValue) -> None:
    """Rely on a lazy value being the very object that it was at trace time."""
    tracer.context.guard(IsObject(value.source, value.real))


# Truth, length, membership


def truth(tracer: Tracer, value: PyValue) -> PyValue:
    """``bool(value)``: a constant, or a run-time bool."""
    if isinstance(value, PerhapsNone):
        return _is_there_and_true(tracer, value)
    return _truth_of(tracer, resolve(tracer, value))


def _truth_of(tracer: Tracer, value: PyValue) -> PyValue:
    if isinstance(value, EitherValue):
        return either.truth(tracer.context, value)
    if isinstance(value, IntOrFloatValue):
        return int_or_float.truth(tracer.context, value)
    if is_numeric(value):
        return numpy.to_python(tracer.context, bool, value)
    if isinstance(value, ConstantValue):
        return evaluate(bool, value.value)
    if isinstance(value, ScalarValue):
        return truth_of_number(tracer.context, value)
    if isinstance(value, InstanceValue):
        return _instance_truth(tracer, value)
    if isinstance(value, SequenceValue) and value.rows is not None:
        return truth(tracer, length(tracer, value))
    if isinstance(value, SequenceValue):
        return ConstantValue(bool(value.items))
    if isinstance(value, DictViewValue):
        return ConstantValue(bool(value.mapping.items))
    if isinstance(value, RangeValue | NumbersValue | DequeValue | DictValue | SetValue):
        return truth(tracer, length(tracer, value))
    if isinstance(value, OpaqueValue):
        raise Unsupported("JF-B003", f"truth of a {type(value.real).__name__}")
    return _TRUE


def _is_there_and_true(tracer: Tracer, value: PerhapsNone) -> PyValue:
    inner = tracer.context.scalar_graph_value(truth(tracer, value.value), BOOL)
    emit = tracer.context.builder.emit
    return ScalarValue("bool", BOOL, emit("logical_and", value.is_there, inner))


def _instance_truth(tracer: Tracer, value: InstanceValue) -> PyValue:
    found = call_special(tracer, value, "__bool__")
    if found is None:
        found = call_special(tracer, value, "__len__")
    return _TRUE if found is None else truth(tracer, found)


def known_truth(tracer: Tracer, value: PyValue) -> bool:
    """``bool(value)`` that must be known at trace time; else JF-B005."""
    result = truth(tracer, value)
    if not isinstance(result, ConstantValue):
        raise Unsupported("JF-B005", "")
    return bool(result.value)


def length(tracer: Tracer, value: PyValue) -> PyValue:
    """``len(value)``."""
    value = resolve(tracer, value)
    if isinstance(value, SequenceValue) and value.rows is not None:
        return list_items.length(tracer, value)
    if isinstance(value, DictValue | SetValue) and value.hashed is not None:
        return length(tracer, value.hashed.keys)
    if isinstance(value, SequenceValue | DictValue | SetValue):
        return ConstantValue(len(value.items))
    if isinstance(value, DictViewValue):
        return ConstantValue(len(value.mapping.items))
    if isinstance(value, ArrayValue):
        return numpy.length(tracer.context, value)
    if isinstance(value, CompanionValue):
        return numpy.length(tracer.context, companions.elements(tracer.context, value))
    if isinstance(value, ConstantValue):
        return evaluate(len, value.value)
    if isinstance(value, RangeValue):
        return _range_length(tracer, value)
    if isinstance(value, NumbersValue):
        return integer_lists.length(tracer, value)
    if isinstance(value, InstanceValue):
        result = call_special(tracer, value, "__len__")
        if result is not None:
            return result
    return _length_of_others(tracer, value)


def _length_of_others(tracer: Tracer, value: PyValue) -> PyValue:
    if isinstance(value, DequeValue):
        return length(tracer, value.held)
    if isinstance(value, OpaqueValue):
        if type(value.real) is deque:
            return deques.length(tracer, value)
        raise Unsupported("JF-B003", f"len() of a {type(value.real).__name__}")
    raise Unsupported("JF-B009", f"TypeError: object of type {_name(value)} has no len()")


def _range_length(tracer: Tracer, value: RangeValue) -> PyValue:
    known = range_length(tracer, value)
    if known is not None:
        if known > sys.maxsize:
            raise Unsupported("JF-B009", "OverflowError: a range too long for len()")
        return ConstantValue(known)
    step = resolve(tracer, value.step)
    if not (isinstance(step, ConstantValue) and step.value == 1):
        raise Unsupported("JF-B010", "length of a range known only at run time")
    start, stop = resolve(tracer, value.start), resolve(tracer, value.stop)
    if not known_truth(tracer, compare(tracer, "<", start, stop)):
        return ConstantValue(0)
    return binary(tracer.context, "-", stop, start)


def contains(tracer: Tracer, container: PyValue, item: PyValue) -> PyValue:
    """``item in container``."""
    container = resolve(tracer, container)
    if isinstance(container, ArrayValue):
        return numpy.contains(tracer.context, container, resolve(tracer, item))
    if isinstance(container, DictValue | SetValue):
        return _in_keys(tracer, container, item)
    if isinstance(container, NamespaceValue):
        return ConstantValue(modules.contains(tracer, container, item))
    if isinstance(container, DictViewValue) and container.part == "keys":
        return ConstantValue(key_of(tracer, item) in container.mapping.items)
    if isinstance(container, ConstantValue):
        real = resolve(tracer, item)
        if isinstance(container.value, frozenset) and is_open(tracer, item):
            return _in_items(tracer, [ConstantValue(key) for key in container.value], item)
        if not isinstance(real, ConstantValue):
            raise Unsupported("JF-B010", f"membership in a {_name(container)}")
        return evaluate(lambda: real.value in container.value)
    if isinstance(container, RangeValue):
        return _in_range(tracer, container, item)
    if isinstance(container, InstanceValue):
        result = call_special(tracer, container, "__contains__", item)
        if result is not None:
            return truth(tracer, result)
    return _in_items(tracer, items_of(tracer, container), item)


def _in_keys(tracer: Tracer, container: DictValue | SetValue, item: PyValue) -> PyValue:
    """Whether one of the keys of a dict, or items of a set, is `item`."""
    if hashing.is_absent(tracer, container, item):
        return _FALSE
    is_small = container.hashed is None and len(container.items) <= _MANY
    if is_small and is_open(tracer, item) and all(type(key) is int for key in container.items):
        return _in_items(tracer, [ConstantValue(key) for key in container.items], item)
    if hashing.uses(tracer, container, item):
        position: PyValue = hashing.find(tracer, container, item)
        return compare(tracer, "<=", ConstantValue(0), position)
    return ConstantValue(key_of(tracer, item, container.items) in container.items)


def _in_items(tracer: Tracer, items: list[PyValue], item: PyValue) -> PyValue:
    """Whether one of `items` is `item` or equal to it."""
    item = resolve(tracer, item)
    open_: PyValue = _FALSE
    for other in items:
        other = resolve(tracer, other)
        equal = _TRUE if other is item else truth(tracer, compare(tracer, "==", other, item))
        if isinstance(equal, ConstantValue):
            if equal.value:
                return _TRUE
        elif box_of(equal) == "bool":
            open_ = equal if open_ is _FALSE else binary(tracer.context, "|", open_, equal)
        elif known_truth(tracer, equal):
            return _TRUE
    return open_


def _in_range(tracer: Tracer, container: RangeValue, item: PyValue) -> PyValue:
    start, stop, step, item = (
        resolve(tracer, v) for v in (container.start, container.stop, container.step, item)
    )
    if not isinstance(step, ConstantValue) or box_of(item) not in ("int", "bool"):
        raise Unsupported("JF-B010", "membership in a range known only at run time")
    low, high = ("<=", "<") if step.value > 0 else (">=", ">")
    found = compare(tracer, low, start, item), compare(tracer, high, item, stop)
    inside = binary(tracer.context, "&", *found)
    if step.value in (1, -1):
        return inside
    rest = binary(tracer.context, "%", binary(tracer.context, "-", item, start), step)
    return binary(tracer.context, "&", inside, compare(tracer, "==", rest, ConstantValue(0)))


def _name(value: PyValue) -> str:
    return value.python_type.__name__
