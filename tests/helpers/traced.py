"""Runs a plain NumPy function through the NumPy front end and compares it with the eager run.

The function is called with proxies that stand for arrays; each NumPy call on them goes to
`jitflow.tracer.numpy`. The graph that comes about is run by the reference interpreter, and results
are rebuilt as the exit of a piece would: values, dtypes, shapes, strides, types, and which results
share memory with what must all be those of the eager run.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from jitflow.guards.sources import StateSource
from jitflow.ir import interpreter
from jitflow.tracer import numpy as front
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

_OPERATORS = ("add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod").split()
_NAMES = {"and": "and_", "or": "or_"}


class Proxy:
    """A traced value that answers as an ndarray does."""

    def __init__(self, context: TraceContext, value: PyValue) -> None:
        self.__dict__.update(context=context, value=value)

    def __array_function__(self, function, types, args, kwargs):
        return self.wrap(front.call(self.context, function, *self.arguments(args, kwargs)))

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.wrap(front.call(self.context, function, *self.arguments(args, kwargs)))

    def arguments(self, args, kwargs):
        values = {name: self.unwrap(value) for name, value in kwargs.items()}
        return [self.unwrap(value) for value in args], values

    def unwrap(self, value: Any) -> PyValue:
        return unwrap(self.context, value)

    def wrap(self, value: PyValue) -> Any:
        return wrap(self.context, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if front.has_method(self.value, name):

            def method(*args, **kwargs):
                values = self.arguments(args, kwargs)
                return self.wrap(front.method(self.context, self.value, name, *values))

            return method
        return self.wrap(front.attribute(self.context, self.value, name))

    def __setattr__(self, name: str, value: Any) -> None:
        front.set_attribute(self.context, self.value, name, self.unwrap(value))

    def __getitem__(self, key: Any) -> Any:
        return self.wrap(front.getitem(self.context, self.value, self.unwrap(key)))

    def __setitem__(self, key: Any, value: Any) -> None:
        front.setitem(self.context, self.value, self.unwrap(key), self.unwrap(value))

    def __len__(self) -> int:
        return self.wrap(front.length(self.context, self.value))

    def __iter__(self):
        return iter([self.wrap(v) for v in front.iterate(self.context, self.value)])

    def call(self, function, *args, **kwargs):
        """For NumPy functions that do not dispatch on their arguments."""
        return self.__array_function__(function, (), args, kwargs)

    def to(self, kind):
        """``kind(self)`` for a Python number type."""
        return self.wrap(front.to_python(self.context, kind, self.value))


def _operator(name):
    def forward(self, other):
        return self.wrap(front.binary(self.context, name, self.value, self.unwrap(other)))

    def reflected(self, other):
        return self.wrap(front.binary(self.context, name, self.unwrap(other), self.value))

    def in_place(self, other):
        operator = "i" + name.rstrip("_")
        return self.wrap(front.binary(self.context, operator, self.value, self.unwrap(other)))

    return forward, reflected, in_place


for _name in _OPERATORS:
    _methods = _operator(_NAMES.get(_name, _name))
    for _prefix, _method in zip(("", "r", "i"), _methods, strict=True):
        setattr(Proxy, f"__{_prefix}{_name}__", _method)
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    setattr(
        Proxy,
        f"__{_name}__",
        lambda self, other, op=_name: self.wrap(
            front.compare(self.context, op, self.value, self.unwrap(other))
        ),
    )
for _name in ("neg", "pos", "invert", "abs"):
    setattr(
        Proxy,
        f"__{_name}__",
        lambda self, op=_name: self.wrap(front.unary(self.context, op, self.value)),
    )


def unwrap(context: TraceContext, value: Any) -> PyValue:
    """The traced value of an argument."""
    if isinstance(value, Proxy):
        return value.value
    if isinstance(value, (tuple, list)):
        return SequenceValue(type(value), [unwrap(context, item) for item in value])
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return SliceValue(*(unwrap(context, part) for part in parts))
    if isinstance(value, np.ndarray):
        from jitflow.tracer import arrays

        return arrays.constant(context, value)
    return ConstantValue(value)


def wrap(context: TraceContext, value: PyValue) -> Any:
    """What the function under test sees."""
    if isinstance(value, ConstantValue):
        return value.value
    if isinstance(value, SequenceValue):
        items = [wrap(context, item) for item in value.items]
        return value.kind(*items) if hasattr(value.kind, "_fields") else value.kind(items)
    return Proxy(context, value)


class Namespace:
    """NumPy for functions under test: while one is traced, calls go to the front end.

    `numpy.zeros(3)` and `numpy.array([x, y])` take no array that NumPy could dispatch on.
    """

    active: TraceContext | None = None

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, type(np)):
            return Namespace(found)
        if not callable(found) or isinstance(found, (type, np.ufunc)):
            return found

        def function(*args, **kwargs):
            return call(found, *args, **kwargs)

        return function


numpy = Namespace(np)


def call(function, *args, **kwargs):
    """``function(*args, **kwargs)``, traced where a trace is active."""
    context = Namespace.active
    if context is None:
        return function(*args, **kwargs)
    return Proxy(context, ConstantValue(None)).__array_function__(function, (), args, kwargs)


class Run:
    """One traced run of a function, evaluated on other inputs or the same ones."""

    def __init__(self, function, inputs, dynamic=frozenset()) -> None:
        self.context = TraceContext("traced", frozenset(dynamic))
        self.inputs = []
        proxies = []
        for index, item in enumerate(inputs):
            source = StateSource(index, f"x{index}")
            if isinstance(item, np.ndarray):
                value = self.context.input_array(item, source)
            else:
                value = self.context.input_scalar(item, source)
            self.inputs.append(value)
            proxies.append(Proxy(self.context, value))
        Namespace.active = self.context
        try:
            self.results = function(*proxies)
        finally:
            Namespace.active = None
        self.outputs: list = []

    def evaluate(self, inputs) -> Any:
        """Results rebuilt from the interpreter's run on `inputs`, which it may write."""
        self.outputs = []
        self._collect(self.results)
        builder = self.context.builder
        graph = builder.finish(self.outputs)
        graph.writes = [
            (s.input, s.version) for s in self.context.storages if s.input is not None and s.written
        ]
        values = interpreter.run(graph, inputs, write=True)
        self.known = {id(o): v for o, v in zip(self.outputs, values, strict=True)}
        self.rebuilt = {}
        for value, real in zip(self.inputs, inputs, strict=True):
            if isinstance(value, ArrayValue):
                self.rebuilt[id(value)] = real
        return self._build(self.results)

    def _collect(self, result: Any) -> None:
        if isinstance(result, (tuple, list)):
            for item in result:
                self._collect(item)
        elif isinstance(result, Proxy):
            self._collect_value(result.value)

    def _collect_value(self, value: PyValue) -> None:
        if isinstance(value, ScalarValue):
            self.outputs.append(self.context.scalar_graph_value(value))
        elif isinstance(value, ArrayValue) and value.base is not None:
            self._collect_value(value.base)
            for item in value.view_call[1]:
                self._collect_argument(item)
        elif isinstance(value, ArrayValue) and value.storage.input is None:
            assert not value.views
            self.outputs.append(value.storage.version)

    def _collect_argument(self, item: PyValue) -> None:
        if isinstance(item, SequenceValue):
            for part in item.items:
                self._collect_argument(part)
        elif isinstance(item, SliceValue):
            for part in (item.start, item.stop, item.step):
                self._collect_argument(part)
        else:
            self._collect_value(item)

    def _build(self, result: Any) -> Any:
        if isinstance(result, (tuple, list)):
            items = [self._build(item) for item in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        return self._value(result.value) if isinstance(result, Proxy) else result

    def _value(self, value: PyValue) -> Any:
        if isinstance(value, ScalarValue):
            array = self.known[id(self.context.scalar_graph_value(value))]
            number = np.asarray(array)[()]
            return number if value.box == "scalar" else number.item()
        if id(value) not in self.rebuilt:
            self.rebuilt[id(value)] = self._array(value)
        return self.rebuilt[id(value)]

    def _array(self, value: ArrayValue) -> np.ndarray:
        if value.base is not None:
            base = self._value(value.base)
            method, arguments = value.view_call
            parts = [self._argument(item) for item in arguments]
            return _view(base, method, parts)
        contents = self.known[id(value.storage.version)]
        order = value.storage.order
        fresh = np.empty([contents.shape[axis] for axis in order], contents.dtype)
        fresh = fresh.transpose(np.argsort(order)) if order else fresh
        fresh[...] = contents
        return fresh

    def _argument(self, item: PyValue) -> Any:
        if isinstance(item, SequenceValue):
            return item.kind(self._argument(part) for part in item.items)
        if isinstance(item, SliceValue):
            return slice(*(self._argument(p) for p in (item.start, item.stop, item.step)))
        return item.value if isinstance(item, ConstantValue) else self._value(item)


def _view(base: np.ndarray, method: str, parts: list) -> np.ndarray:
    if method == "getitem":
        return base[parts[0]]
    if method in ("real", "imag", "T", "mT"):
        return getattr(base, method)
    if method == "broadcast_to":
        return np.broadcast_to(base, *parts)
    return getattr(base, method)(*parts)


def check(function, *inputs, again=(), dynamic=frozenset(), exact=True) -> TraceContext:
    """Assert that the traced function does what the eager one does.

    `again` gives other inputs (tuples) on which the same graph must be right as well.
    """
    inputs = tuple(np.asarray(i) if isinstance(i, list) else i for i in inputs)
    run = Run(function, tuple(_copied(inputs)), dynamic)
    for given in (inputs, *again):
        eager_inputs, traced_inputs = _copied(given), _copied(given)
        with np.errstate(all="ignore"):
            expected = function(*eager_inputs)
            found = run.evaluate(traced_inputs)
        compare(found, expected, exact)
        for left, right in zip(traced_inputs, eager_inputs, strict=True):
            np.testing.assert_array_equal(left, right, "an input was written differently")
        _same_aliasing([found, *traced_inputs], [expected, *eager_inputs])
    return run.context


def _copied(inputs) -> list:
    """Copies with the same strides."""
    return [_copy_of(item) if isinstance(item, np.ndarray) else item for item in inputs]


def _copy_of(array: np.ndarray) -> np.ndarray:
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    if base is array:
        return array.copy("K")
    memory = copy.deepcopy(base)
    if memory.strides != base.strides:
        memory = np.empty_like(base)
        memory[...] = base
    start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    flat = np.lib.stride_tricks.as_strided(
        memory.reshape(-1, order="A")[:1] if memory.size else memory,
        array.shape,
        array.strides,
        writeable=array.flags.writeable,
    )
    if start:
        interface = dict(flat.__array_interface__)
        address = memory.__array_interface__["data"][0] + start
        interface["data"] = (address, not array.flags.writeable)
        holder = type("Holder", (), {"__array_interface__": interface, "keep": memory})()
        flat = np.asarray(holder)
    return flat


def compare(found: Any, expected: Any, exact: bool = True) -> None:
    """Assert that two results are the same to Python."""
    assert type(found) is type(expected), f"{type(found)} is not {type(expected)}"
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for left, right in zip(found, expected, strict=True):
            compare(left, right, exact)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, f"{found.dtype} is not {expected.dtype}"
        assert found.shape == expected.shape, f"{found.shape} is not {expected.shape}"
        if expected.size > 1:
            assert _steps(found) == _steps(expected), f"{found.strides} {expected.strides}"
        assert found.flags.writeable == expected.flags.writeable
        _close(found, expected, exact)
    elif isinstance(expected, (np.generic, float, complex)):
        _close(np.asarray(found), np.asarray(expected), exact)
    else:
        assert found == expected


def _steps(array: np.ndarray) -> list:
    return [s for n, s in zip(array.shape, array.strides, strict=True) if n > 1]


def _close(found: np.ndarray, expected: np.ndarray, exact: bool) -> None:
    assert found.dtype == expected.dtype
    if exact or expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected)
        if expected.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    else:
        scale = np.finfo(expected.dtype).eps * 64
        np.testing.assert_allclose(found, expected, rtol=scale, atol=scale)


def _arrays(results: Any) -> list:
    if isinstance(results, (tuple, list)):
        return [item for part in results for item in _arrays(part)]
    return [results] if isinstance(results, np.ndarray) else []


def _same_aliasing(found: Any, expected: Any) -> None:
    left, right = _arrays(found), _arrays(expected)
    for i in range(len(left)):
        for j in range(i):
            ours = left[i] is left[j], np.may_share_memory(left[i], left[j])
            theirs = right[i] is right[j], np.may_share_memory(right[i], right[j])
            assert ours == theirs, f"results {j} and {i} share memory: {ours}, eager {theirs}"
