"""Handlers of operators, attributes, items, unpacking and displays.

Each takes its operands off the stack, asks `operations`, and pushes the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.tracer import operations
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.interpreter_stack import Handler, push_loaded
from jitflow.tracer.values import ConstantValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

_SEQUENCE_FLAG, _MAPPING_FLAG = 1 << 5, 1 << 6
"""``Py_TPFLAGS_SEQUENCE`` and ``Py_TPFLAGS_MAPPING``: what pattern matching looks at."""


# Operators


def _binary(tracer: Interpreter, frame: SymbolicFrame, operator: str) -> None:
    left, right = frame.pop_many(2)
    in_place = operator.endswith("=")
    frame.push(operations.binary(tracer, operator.removesuffix("="), left, right, in_place))


def _unary(tracer: Interpreter, frame: SymbolicFrame, operator: str) -> None:
    frame.push(operations.unary(tracer, operator, frame.pop()))


def _compare(tracer: Interpreter, frame: SymbolicFrame, operator: str) -> None:
    left, right = frame.pop_many(2)
    frame.push(operations.compare(tracer, operator, left, right))


def _is(tracer: Interpreter, frame: SymbolicFrame, inverted: bool) -> None:
    left, right = frame.pop_many(2)
    if isinstance(right, ConstantValue) and right.value is None:
        result = operations.is_none(tracer, left)
    else:
        result = ConstantValue(operations.is_same(tracer, left, right))
    frame.push(operations.unary(tracer, "not", result) if inverted else result)


def _contains(tracer: Interpreter, frame: SymbolicFrame, inverted: bool) -> None:
    item, container = frame.pop_many(2)
    result = operations.contains(tracer, container, item)
    frame.push(operations.unary(tracer, "not", result) if inverted else result)


def _to_bool(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(operations.truth(tracer, frame.pop()))


# Attributes and items


def _load_attr(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    push_loaded(tracer, frame, operations.get_attribute(tracer, frame.pop(), name))


def _store_attr(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    value, target = frame.pop_many(2)
    operations.set_attribute(tracer, target, name, value)


def _delete_attr(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    operations.delete_attribute(tracer, frame.pop(), name)


def _get_item(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    container, key = frame.pop_many(2)
    frame.push(operations.get_item(tracer, container, key))


def _set_item(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    value, container, key = frame.pop_many(3)
    operations.set_item(tracer, container, key, value)


def _delete_item(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    container, key = frame.pop_many(2)
    operations.delete_item(tracer, container, key)


# Unpacking and pattern matching


def _unpack(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    values = operations.unpack(tracer, frame.pop(), count)
    frame.stack.extend(reversed(values))


def _unpack_starred(tracer: Interpreter, frame: SymbolicFrame, counts: tuple[int, int]) -> None:
    values = operations.unpack_starred(tracer, frame.pop(), *counts)
    frame.stack.extend(reversed(values))


def _get_len(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(operations.length(tracer, frame.stack[-1]))


def _match_sequence(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    kind = operations.python_type(tracer, frame.stack[-1])
    frame.push(ConstantValue(bool(kind.__flags__ & _SEQUENCE_FLAG)))


def _match_mapping(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    kind = operations.python_type(tracer, frame.stack[-1])
    frame.push(ConstantValue(bool(kind.__flags__ & _MAPPING_FLAG)))


# Displays


def _build_tuple(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    frame.push(operations.build_sequence(tracer, tuple, frame.pop_many(count)))


def _build_list(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    frame.push(operations.build_sequence(tracer, list, frame.pop_many(count)))


def _build_set(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    frame.push(operations.build_set(tracer, frame.pop_many(count)))


def _build_map(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    values = frame.pop_many(2 * count)
    pairs = list(zip(values[::2], values[1::2], strict=True))
    frame.push(operations.build_dict(tracer, pairs))


def _build_const_key_map(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    keys = operations.unpack(tracer, frame.pop(), count)
    pairs = list(zip(keys, frame.pop_many(count), strict=True))
    frame.push(operations.build_dict(tracer, pairs))


def _build_slice(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    parts = frame.pop_many(count)
    start, stop, step = (*parts, ConstantValue(None))[:3]
    frame.push(operations.build_slice(tracer, start, stop, step))


def _build_string(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    frame.push(operations.build_string(tracer, frame.pop_many(count)))


def _list_append(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    item = frame.pop()
    operations.append_item(tracer, frame.stack[-depth], item)


def _set_add(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    item = frame.pop()
    operations.add_item(tracer, frame.stack[-depth], item)


def _map_add(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    key, value = frame.pop_many(2)
    operations.set_item(tracer, frame.stack[-depth], key, value)


def _list_extend(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    items = frame.pop()
    operations.extend_items(tracer, frame.stack[-depth], items)


def _update(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    items = frame.pop()
    operations.update_items(tracer, frame.stack[-depth], items)


def _dict_merge(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    items = frame.pop()
    operations.merge_keywords(tracer, frame.stack[-depth], items)


def _list_to_tuple(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(operations.to_tuple(tracer, frame.pop()))


def _convert(tracer: Interpreter, frame: SymbolicFrame, conversion: str) -> None:
    frame.push(operations.format_value(tracer, frame.pop(), conversion, None))


def _format(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(operations.format_value(tracer, frame.pop(), "", None))


def _format_with_spec(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    value, specification = frame.pop_many(2)
    frame.push(operations.format_value(tracer, value, "", specification))


HANDLERS: dict[str, Handler] = {
    "BINARY": _binary,
    "UNARY": _unary,
    "COMPARE": _compare,
    "IS": _is,
    "CONTAINS": _contains,
    "TO_BOOL": _to_bool,
    "LOAD_ATTR": _load_attr,
    "STORE_ATTR": _store_attr,
    "DELETE_ATTR": _delete_attr,
    "GET_ITEM": _get_item,
    "SET_ITEM": _set_item,
    "DELETE_ITEM": _delete_item,
    "UNPACK": _unpack,
    "UNPACK_EX": _unpack_starred,
    "GET_LEN": _get_len,
    "MATCH_SEQUENCE": _match_sequence,
    "MATCH_MAPPING": _match_mapping,
    "BUILD_TUPLE": _build_tuple,
    "BUILD_LIST": _build_list,
    "BUILD_SET": _build_set,
    "BUILD_MAP": _build_map,
    "BUILD_CONST_KEY_MAP": _build_const_key_map,
    "BUILD_SLICE": _build_slice,
    "BUILD_STRING": _build_string,
    "LIST_APPEND": _list_append,
    "SET_ADD": _set_add,
    "MAP_ADD": _map_add,
    "LIST_EXTEND": _list_extend,
    "SET_UPDATE": _update,
    "DICT_UPDATE": _update,
    "DICT_MERGE": _dict_merge,
    "LIST_TO_TUPLE": _list_to_tuple,
    "CONVERT": _convert,
    "FORMAT": _format,
    "FORMAT_WITH_SPEC": _format_with_spec,
}
