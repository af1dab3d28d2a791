"""From a real object to its value: lazy at first, then by its type, with its guards."""

from __future__ import annotations

import enum
import functools
import math
import types
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import devices, dtypes
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import (
    Equals,
    IsObject,
    KeysAre,
    LengthIs,
    Relation,
    SameObject,
    TypeIs,
)
from jitflow.guards.sources import (
    AttributeSource,
    CellSource,
    ConstantSource,
    DictKeySource,
    GlobalSource,
    ItemSource,
    Source,
    text_of,
)
from jitflow.tracer import facts, random_types
from jitflow.tracer.objects.model import (
    BuiltinMethodValue,
    CellValue,
    DequeValue,
    DictValue,
    FunctionValue,
    InstanceValue,
    LazyValue,
    MethodValue,
    OpaqueValue,
    PartialValue,
    RangeValue,
    SetValue,
    WeakReferenceValue,
)
from jitflow.tracer.objects.namespaces import is_namespace, namespace_at
from jitflow.tracer.objects.plain import (
    compiled_function,
    is_constant,
    is_generated_tuple,
    is_hashable_key,
    is_plain_class,
    is_told_by_identity,
)
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import (
    ConstantValue,
    PerhapsNone,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.objects import integer_lists, number_tables, record_lists
else:
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")
    number_tables = LazyModule("jitflow.tracer.objects.number_tables")
    record_lists = LazyModule("jitflow.tracer.objects.record_lists")

MAX_ITEMS = 10_000
"""Longer containers stay opaque: they are data, not structure."""
MAX_NUMBERS: dict[type, int] = {list: 64, tuple: 256}
"""So do containers of more numbers than this (lists, where they are not taken for arrays)."""
_LIMIT = 2**62
"""Symbolic integers are at most of this magnitude, so that negation and one addition fit."""


def wrap(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    """The lazy value of a real object; it adds no guard until it is used."""
    if type(obj) is types.CellType:
        return resolve(tracer, LazyValue(obj, source))
    return LazyValue(obj, source)


def settled(value: Any) -> Any:
    """The value behind a lazy one that was looked at."""
    return value.resolved or value if isinstance(value, LazyValue) else value


def resolve(tracer: Tracer, value: PyValue) -> PyValue:
    """The value that a lazy one stands for, with its guards; any other value as it is."""
    if type(value) is not LazyValue:
        return _there(tracer, value) if type(value) is PerhapsNone else value
    if value.resolved is None:
        value.resolved = _look_at(tracer, value.real, value.source)
    return value.resolved


def _there(tracer: Tracer, value: PerhapsNone) -> PyValue:
    """What is there; where it is None Python has to run the operation."""
    facts.require(tracer.context, value.is_there)
    return value.value


def resolve_deeply(tracer: Tracer, value: PyValue) -> PyValue:
    """Resolve `value` and the items of containers in it, for callers that look at everything."""
    value = resolve(tracer, value)
    if isinstance(value, DequeValue):
        value = value.held  # NumPy makes the same array of both
    if isinstance(value, SequenceValue):
        items = value.fixed
        if len(items) > 64 and any(type(item) is LazyValue for item in items):
            raise Unsupported("JF-B008", f"a {value.kind.__name__} of {len(items)} items")
        value.fixed[:] = [resolve_deeply(tracer, item) for item in items]
    elif isinstance(value, DictValue):
        for key, (key_value, item) in value.items.items():
            value.items[key] = (key_value, resolve_deeply(tracer, item))
    elif isinstance(value, SliceValue):
        value.start = resolve(tracer, value.start)
        value.stop = resolve(tracer, value.stop)
        value.step = resolve(tracer, value.step)
    elif isinstance(value, RangeValue):
        value.start, value.stop = resolve(tracer, value.start), resolve(tracer, value.stop)
        value.step = resolve(tracer, value.step)
    return value


def python_type(tracer: Tracer, value: PyValue) -> type:
    """The exact class of a value, guarded; a lazy value is not guarded further."""
    if type(value) is LazyValue:
        if value.resolved is not None:
            return value.resolved.python_type
        if value.real is None or devices.kind_of(value.real) is not None:
            return resolve(tracer, value).python_type
        tracer.context.guard(TypeIs(value.source, type(value.real)))
    elif isinstance(value, OpaqueValue):
        tracer.context.guard(TypeIs(value.source, type(value.real)))
    return value.python_type


def constant_of(tracer: Tracer, value: PyValue) -> ConstantValue | None:
    """`value` where it is a constant, else None."""
    value = resolve(tracer, value)
    return value if isinstance(value, ConstantValue) else None


def real_of(value: PyValue) -> Any:
    """The object of a constant; JF-B010 for every other value."""
    if isinstance(value, ConstantValue):
        return value.value
    raise Unsupported("JF-B010", f"{value.python_type.__name__} known only at run time")


def _look_at(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    kind = type(obj)
    by_value = _BY_VALUE.get(kind)
    if by_value is not None:
        return by_value(tracer, obj, source)
    if isinstance(obj, np.generic) and kind.__module__ == "numpy":
        return _number(tracer, obj, source)
    table = tracer.context.objects
    known = table.by_id.get(id(obj))
    if known is not None:
        if known.source is None:
            tracer.context.guard(IsObject(source, obj))
        elif known.source != source:
            tracer.context.guard(SameObject(source, known.source))
        return known
    if id(obj) in table.in_tables:
        number_tables.refuse_row(tracer, obj, source)
    if id(obj) in table.grown or id(obj) in table.stored:
        raise Restart(Unsupported("JF-B014", f"{source} grows and is looked at"), looked=id(obj))
    value = _by_identity(tracer, obj, source)
    table.by_id[id(obj)] = value
    table.keep.append(obj)
    return value


def _by_identity(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    kind = type(obj)
    rule = _RULES.get(kind)
    if rule is not None:
        return rule(tracer, obj, source)
    if isinstance(obj, _SINGLETONS) or isinstance(type(obj), enum.EnumMeta):
        return _singleton(tracer, obj, source)
    if isinstance(obj, random_types.functions()):
        return _singleton(tracer, obj, source)
    if devices.kind_of(obj) is not None:
        return _array(tracer, obj, source)
    if devices.namesake(obj) is not None:
        return _singleton(tracer, obj, source)
    if isinstance(obj, np.ndarray):
        raise Unsupported("JF-B007", f"{source} is {kind.__module__}.{kind.__qualname__}")
    if isinstance(obj, tuple) and hasattr(kind, "_fields") and is_generated_tuple(kind):
        return _sequence(tracer, obj, source)
    if (original := compiled_function(obj)) is not None:
        tracer.context.guard(IsObject(source, obj))
        return function_value(tracer, original, ConstantSource(original, original.__name__))
    if is_plain_class(kind) or kind is types.SimpleNamespace:
        tracer.context.guard(TypeIs(source, kind))
        return InstanceValue(kind, obj, source)
    return OpaqueValue(obj, source)


def function_value(tracer: Tracer, function: types.FunctionType, source: Source) -> FunctionValue:
    """The value of a real function.

    One that a module or a class holds is guarded by identity. One that the caller hands over may
    be made anew for each call: its code is guarded, and its cells and defaults are read from it.
    """
    if isinstance(source, GlobalSource | ConstantSource):
        if isinstance(source, GlobalSource):
            tracer.context.guard(IsObject(source, function))
        root: Source = ConstantSource(function, function.__name__)
        defaults_root: Source = ConstantSource(function.__defaults__, function.__name__)
    else:
        tracer.context.guard(TypeIs(source, types.FunctionType))
        tracer.context.guard(IsObject(AttributeSource(source, "__code__"), function.__code__))
        tracer.context.guard(IsObject(AttributeSource(source, "__globals__"), function.__globals__))
        root, defaults_root = source, AttributeSource(source, "__defaults__")
        if function.__defaults__:
            tracer.context.guard(LengthIs(defaults_root, len(function.__defaults__)))
    keywords = function.__kwdefaults__ or {}
    keywords_root = AttributeSource(root, "__kwdefaults__")
    return FunctionValue(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__qualname__,
        [
            LazyValue(item, ItemSource(defaults_root, index))
            for index, item in enumerate(function.__defaults__ or ())
        ],
        {name: LazyValue(item, ItemSource(keywords_root, name)) for name, item in keywords.items()},
        _closure(tracer, function, root),
        real=function,
        source=source,
    )


def _closure(tracer: Tracer, function: Any, root: Source) -> tuple[CellValue, ...]:
    cells = []
    for index, cell in enumerate(function.__closure__ or ()):
        if isinstance(root, ConstantSource):
            source: Source = ConstantSource(cell, function.__code__.co_freevars[index])
        else:
            source = ItemSource(AttributeSource(root, "__closure__"), index)
        cells.append(cell_value(tracer, cell, source, function.__code__.co_freevars[index]))
    return tuple(cells)


def cell_value(tracer: Tracer, cell: Any, source: Source, name: str) -> CellValue:
    """The value of a real closure cell; its contents stay lazy."""
    known = tracer.context.objects.by_id.get(id(cell))
    if isinstance(known, CellValue):
        if known.source is not None and known.source != source:
            tracer.context.guard(SameObject(source, known.source))
        return known
    try:
        contents: PyValue | None = LazyValue(cell.cell_contents, CellSource(source, name))
    except ValueError:
        contents = None
    value = CellValue(contents, source)
    tracer.context.objects.by_id[id(cell)] = value
    tracer.context.objects.keep.append(cell)
    return value


def _number(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    if isinstance(obj, np.generic) and dtypes.from_numpy(obj.dtype) is None:
        return OpaqueValue(obj, source)
    numbers = tracer.context.objects.numbers
    if source not in numbers:
        numbers[source] = tracer.context.input_scalar(obj, source)
    return numbers[source]


_KNOWN_FLOATS = {
    id(number): number
    for module in (np, math)
    for number in vars(module).values()
    if type(number) is float
}
"""Floats that modules define (``np.pi``, ``math.inf``), by identity: they are constants."""


def _float(tracer: Tracer, obj: float, source: Source) -> PyValue:
    if id(obj) in _KNOWN_FLOATS:
        return _singleton(tracer, obj, source)
    return _number(tracer, obj, source)


def _integer(tracer: Tracer, obj: int, source: Source) -> PyValue:
    if tracer.context.is_dynamic(source) and -_LIMIT <= obj <= _LIMIT:
        return symbolic_integer(tracer, obj, source)
    return _equal(tracer, obj, source)


def symbolic_integer(tracer: Tracer, obj: int, source: Source) -> ScalarValue:
    """An integer of at most `_LIMIT` that is known only at run time."""
    value = _number(tracer, obj, source)
    assert isinstance(value, ScalarValue)
    assert value.dim is not None
    tracer.context.guard(Relation(source, -_LIMIT, "<=", value.dim))
    tracer.context.guard(Relation(source, value.dim, "<=", _LIMIT))
    return value


def _text(tracer: Tracer, obj: str, source: Source) -> PyValue:
    if text_of(source) in tracer.context.dynamic:
        raise Unsupported("JF-B010", "a text that is another one each time")
    return _equal(tracer, obj, source)


def _equal(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    tracer.context.guard(Equals(source, obj))
    return ConstantValue(obj, source)


def _singleton(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    tracer.context.guard(IsObject(source, obj))
    return ConstantValue(obj)


def _array(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    kind = devices.kind_of(obj)
    if kind is not None and kind.refusal:
        raise Restart(Unsupported("JF-B022", f"{source} is on {kind}: {kind.refusal}"), leave=True)
    return tracer.context.input_array(obj, source)


def _sequence(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    if type(obj) is list and obj and type(obj[0]) is list:
        found = number_tables.wrap_table(tracer, obj, source)
        found = found or record_lists.wrap_ragged(tracer, obj, source)
        if found is not None:
            return found
    if type(obj) is list and obj and type(obj[0]) is tuple:
        found = record_lists.wrap_tuples(tracer, obj, source)
        if found is not None:
            return found
    if type(obj) is list and (numbers := integer_lists.wrap_list(tracer, obj, source)) is not None:
        return numbers
    most = MAX_NUMBERS.get(type(obj), MAX_ITEMS)
    if len(obj) > MAX_ITEMS or (len(obj) > most and _are_numbers(obj)):
        return OpaqueValue(obj, source)
    tracer.context.guard(TypeIs(source, type(obj)))
    tracer.context.guard(LengthIs(source, len(obj)))
    items: list[PyValue] = [
        LazyValue(item, ItemSource(source, index)) for index, item in enumerate(obj)
    ]
    return SequenceValue(type(obj), items, source)


def _are_numbers(items: Any) -> bool:
    return set(map(type, items)) <= {int, float, complex, bool}


def _dict(tracer: Tracer, obj: dict[Any, Any], source: Source) -> PyValue:
    if is_namespace(tracer, obj):
        return namespace_at(tracer, obj, source)
    if len(obj) > MAX_ITEMS or not all(map(is_hashable_key, obj)):
        return OpaqueValue(obj, source)
    context = tracer.context
    context.guard(TypeIs(source, type(obj)))
    context.guard(KeysAre(source, tuple(obj)))
    items: dict[Any, tuple[PyValue, PyValue]] = {}
    for index, (key, item) in enumerate(obj.items()):
        named = key_value(tracer, key, source, index)
        items[key] = (named, LazyValue(item, ItemSource(source, key)))
    result = DictValue(items, source, type(obj))
    if isinstance(obj, defaultdict):
        factory = AttributeSource(source, "default_factory")
        result.default_factory = LazyValue(obj.default_factory, factory)
    return result


def key_value(tracer: Tracer, key: Any, source: Source, index: int) -> PyValue:
    """The value of a key of a real dict or set, guarded by the guard on all its keys."""
    if type(key) in (int, bool, str, bytes, type(None)):
        return ConstantValue(key)
    place = DictKeySource(source, index)
    if not is_constant(key):
        tracer.context.objects.identify(key, place)
    return LazyValue(key, place)


def _set(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    if len(obj) > MAX_ITEMS or not all(map(is_hashable_key, obj)):
        return OpaqueValue(obj, source)
    tracer.context.guard(TypeIs(source, type(obj)))
    has_objects = not all(map(is_constant, obj))
    if has_objects and not all(map(is_told_by_identity, obj)):
        return OpaqueValue(obj, source)
    items: dict[Any, PyValue] = {}
    if has_objects:
        tracer.context.guard(LengthIs(source, len(obj)))
        items = {item: key_value(tracer, item, source, index) for index, item in enumerate(obj)}
    else:
        tracer.context.guard(KeysAre(source, tuple(obj)))
        items = {item: ConstantValue(item) for item in obj}
    return SetValue(items, type(obj), source)


def _range(tracer: Tracer, obj: range, source: Source) -> PyValue:
    tracer.context.guard(TypeIs(source, range))
    start, stop, step = (
        LazyValue(getattr(obj, name), AttributeSource(source, name))
        for name in ("start", "stop", "step")
    )
    return RangeValue(start, stop, step, source)


def _slice(tracer: Tracer, obj: slice, source: Source) -> PyValue:
    tracer.context.guard(TypeIs(source, slice))
    start, stop, step = (
        LazyValue(getattr(obj, name), AttributeSource(source, name))
        for name in ("start", "stop", "step")
    )
    value = SliceValue(start, stop, step)
    value.source = source
    return value


def _function(tracer: Tracer, obj: types.FunctionType, source: Source) -> PyValue:
    if devices.package_of(obj):
        return _singleton(tracer, obj, source)  # a package's own code is not traced
    return function_value(tracer, obj, source)


def _method(tracer: Tracer, obj: types.MethodType, source: Source) -> PyValue:
    if isinstance(obj.__self__, random_types.legacy_generators()):
        tracer.context.guard(Equals(source, obj))
        return ConstantValue(obj)
    if type(getattr(obj.__func__, "__name__", None)) is not str:
        return OpaqueValue(obj, source)
    if random_types.is_python_generator(obj.__self__) and obj.__name__ in random_types.PYTHON_DRAWS:
        tracer.context.guard(Equals(source, obj))
        owner = OpaqueValue(obj.__self__, ConstantSource(obj.__self__, "random"))
        return BuiltinMethodValue(owner, obj.__name__)
    tracer.context.guard(TypeIs(source, types.MethodType))
    function = LazyValue(obj.__func__, AttributeSource(source, "__func__"))
    receiver = LazyValue(obj.__self__, AttributeSource(source, "__self__"))
    value = MethodValue(function, receiver, obj.__name__)
    value.source = source
    return value


def _builtin(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    owner = obj.__self__
    if owner is None or isinstance(owner, types.ModuleType | type | np.ufunc):
        return _singleton(tracer, obj, source)
    tracer.context.guard(TypeIs(source, types.BuiltinFunctionType))
    tracer.context.guard(Equals(AttributeSource(source, "__name__"), obj.__name__))
    receiver = LazyValue(owner, AttributeSource(source, "__self__"))
    value = BuiltinMethodValue(receiver, obj.__name__)
    value.source = source
    return value


def _partial(tracer: Tracer, obj: functools.partial[Any], source: Source) -> PyValue:
    context = tracer.context
    context.guard(TypeIs(source, functools.partial))
    args, keywords = AttributeSource(source, "args"), AttributeSource(source, "keywords")
    context.guard(LengthIs(args, len(obj.args)))
    context.guard(KeysAre(keywords, tuple(obj.keywords)))
    return PartialValue(
        LazyValue(obj.func, AttributeSource(source, "func")),
        [LazyValue(item, ItemSource(args, index)) for index, item in enumerate(obj.args)],
        {name: LazyValue(item, ItemSource(keywords, name)) for name, item in obj.keywords.items()},
        source,
    )


def _cell(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    return cell_value(tracer, obj, source, str(source))


def _weak_reference(tracer: Tracer, obj: weakref.ref[Any], source: Source) -> PyValue:
    tracer.context.guard(TypeIs(source, weakref.ref))
    return WeakReferenceValue(None, obj, source)


_SINGLETONS = (
    types.ModuleType,
    type,
    np.ufunc,
    np.dtype,
    np.finfo,
    np.iinfo,
    enum.Enum,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.UnionType,
    functools._lru_cache_wrapper,
    types.GenericAlias,
    type(np.sum),
)

_Rule = Callable[[Tracer, Any, Source], PyValue]

_BY_VALUE: dict[type, _Rule] = {
    float: _float,
    complex: _number,
    int: _integer,
    bool: _equal,
    str: _text,
    bytes: _equal,
    type(None): _singleton,
    type(Ellipsis): _singleton,
    type(NotImplemented): _singleton,
}

_RULES: dict[type, _Rule] = {
    np.ndarray: _array,
    tuple: _sequence,
    list: _sequence,
    dict: _dict,
    OrderedDict: _dict,
    defaultdict: _dict,
    set: _set,
    frozenset: _set,
    range: _range,
    slice: _slice,
    types.FunctionType: _function,
    types.MethodType: _method,
    types.BuiltinFunctionType: _builtin,
    functools.partial: _partial,
    types.CellType: _cell,
    weakref.ref: _weak_reference,
}
