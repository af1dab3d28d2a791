"""Functions made in the piece, closure cells, and which Python function a call enters."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import facts, numpy
from jitflow.tracer.numpy.spelled import CODES, SPELLED
from jitflow.tracer.objects import instances
from jitflow.tracer.objects.classes import function_of_class, guard_search, search
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.model import (
    CellValue,
    DictValue,
    FunctionValue,
    InstanceValue,
    MethodValue,
    PartialValue,
)
from jitflow.tracer.objects.plain import has_own_constructor, is_plain_class, python_function
from jitflow.tracer.objects.protocol import CallRequest, Tracer
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import ConstantValue, PerhapsUnbound, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import spelled
else:
    spelled = LazyModule("jitflow.tracer.objects.spelled")

DISABLED = "__jitflow_disable__"
SEPARATE = frozenset(
    [
        "scipy",
        "sklearn",
        "pandas",
        "matplotlib",
        "numba",
        "jax",
        "torch",
        "tensorflow",
        "cupy",
        "joblib",
        "tqdm",
        "PIL",
    ]
)
"""Packages whose functions Python runs: their code is glue around native code of their own."""
INLINED = frozenset(
    [
        "__main__",
        "abc",
        "bisect",
        "collections",
        "colorsys",
        "contextlib",
        "copy",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "graphlib",
        "heapq",
        "itertools",
        "numbers",
        "operator",
        "random",
        "statistics",
        "string",
        "textwrap",
        "types",
        "typing",
    ]
)
"""Modules of the standard library whose Python code is traced like the user's."""
OURS = frozenset({f"jitflow.tracer.objects.{name}" for name in ("spelled", "hashing")})
"""Modules of ours with code that stands for what is native code in CPython."""
WHOLE = OURS | {"bisect", "colorsys", "fractions", "heapq", "random", "statistics", "string"}
"""Modules whose functions Python runs as a whole where they cannot be traced to their end."""
REPLACED: set[Any] = set()
"""Python functions that `calls.call` knows by heart, such as `copy.deepcopy`."""


def make_function(
    tracer: Tracer,
    code: types.CodeType,
    namespace: dict[str, Any],
    qualname: str,
    defaults: PyValue | None,
    keyword_defaults: PyValue | None,
    closure: PyValue | None,
    annotations: PyValue | None,
) -> PyValue:
    """MAKE_FUNCTION."""
    positional = resolve(tracer, defaults) if defaults is not None else None
    named = resolve(tracer, keyword_defaults) if keyword_defaults is not None else None
    cells = resolve(tracer, closure) if closure is not None else None
    if isinstance(positional, ConstantValue):
        positional = SequenceValue(tuple, [ConstantValue(item) for item in positional.value])
    assert isinstance(positional, SequenceValue | None)
    assert isinstance(named, DictValue | None)
    assert isinstance(cells, SequenceValue | None)
    return FunctionValue(
        code,
        namespace,
        code.co_name,
        qualname,
        list(positional.items) if positional else [],
        {name: item for name, (_, item) in named.items.items()} if named else {},
        tuple(cell for cell in cells.items if isinstance(cell, CellValue)) if cells else (),
        annotations=annotations,
    )


def load_cell(tracer: Tracer, cell: PyValue) -> PyValue:
    """Contents of a closure cell."""
    cell = resolve(tracer, cell)
    assert isinstance(cell, CellValue)
    if cell.contents is None:
        raise Unsupported("JF-B009", "NameError: a closure variable has no value yet")
    if isinstance(cell.contents, PerhapsUnbound):
        facts.require(tracer.context, cell.contents.is_bound)
        return cell.contents.value
    return cell.contents


def store_cell(tracer: Tracer, cell: PyValue, value: PyValue | None) -> None:
    """Set the contents of a closure cell; None empties it."""
    cell = resolve(tracer, cell)
    assert isinstance(cell, CellValue)
    will_change(tracer, cell)
    cell.contents = value


def has_rule(function: Any) -> bool:
    """Whether `calls.call` knows what a Python function means without running its code."""
    return function in REPLACED or is_question(function) or numpy.is_known(function)


def stays_outside(function: FunctionValue) -> Unsupported | None:
    """Why the code of `function` is not traced: it is a library's, and no array program."""
    if function.real is None:
        return None  # made in code that is traced
    module = str(function.globals.get("__name__", ""))
    package = module.partition(".")[0]
    is_helper = function.name.startswith("_") and not function.name.startswith("__")
    if package == "numpy" and not (is_helper or module.startswith("numpy.lib._index_tricks")):
        return Unsupported("JF-B008", function.qualname)
    if package in SEPARATE or (package in sys.stdlib_module_names and package not in INLINED):
        code = "JF-B004" if package in ("logging", "warnings") else "JF-B003"
        return Unsupported(code, f"{module}.{function.qualname}")
    return None


def runs_whole(function: FunctionValue) -> bool:
    """Whether Python runs all of `function` where it cannot be traced to its end."""
    return function.real is not None and function.globals.get("__name__") in WHOLE


def is_question(function: Any) -> bool:
    """Whether this is `jitflow.is_compiling`, which the tracer answers."""
    name = getattr(function, "__qualname__", "")
    return name == "is_compiling" and function.__module__ == "jitflow.api"


def resolve_call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    """The Python function that a call enters, or None where `calls.call` does all of it."""
    callee = resolve(tracer, callee)
    code = _spelled_out(tracer, callee)
    if code is None and not kwargs and _is_native(callee):
        code = spelled.spelled_out(tracer, callee, args)
    if code is not None:
        return CallRequest(code, args, kwargs)
    if isinstance(callee, FunctionValue):
        return _enter(callee, args, kwargs)
    if isinstance(callee, MethodValue):
        return resolve_call(tracer, callee.function, [callee.receiver, *args], kwargs)
    if isinstance(callee, PartialValue):
        arguments = [*callee.arguments, *args]
        return resolve_call(tracer, callee.function, arguments, {**callee.keywords, **kwargs})
    if isinstance(callee, InstanceValue):
        method = instances.special_method(tracer, callee, "__call__")
        if method is None:
            raise Unsupported("JF-B009", f"TypeError: {callee.cls.__name__} is not callable")
        return resolve_call(tracer, method, args, kwargs)
    if isinstance(callee, ConstantValue) and isinstance(callee.value, type):
        return _construct(tracer, callee.value, args, kwargs)
    return None


def _is_native(callee: PyValue) -> bool:
    """Whether this is a function of `heapq` or `bisect`."""
    real = callee.value if isinstance(callee, ConstantValue) else None
    return isinstance(real, types.BuiltinFunctionType) and real.__module__ in ("_heapq", "_bisect")


def _spelled_out(tracer: Tracer, callee: PyValue) -> FunctionValue | None:
    """The Python code that stands for a NumPy function; in that code it is the function itself."""
    real = callee.real if isinstance(callee, FunctionValue) else None
    if isinstance(callee, ConstantValue):
        real = callee.value
    try:
        function: Any = SPELLED.get(real)
    except TypeError:
        return None
    if function is None or tracer.is_inside(CODES):
        return None
    return function_value(tracer, function, ConstantSource(function, function.__name__))


def _enter(
    function: FunctionValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    if has_rule(function.real):
        return None
    reason = stays_outside(function)
    if reason is not None:
        raise Unsupported(reason.code, reason.detail)  # not itself: no cycle through this frame
    if function.real is not None and vars(function.real).get(DISABLED):
        raise Unsupported("JF-B016", function.qualname)
    return CallRequest(function, args, kwargs)


def _construct(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    """The metaclass's ``__call__`` where Python code defines it, else `instantiate`."""
    call = search(type(cls), "__call__")
    if isinstance(call, types.FunctionType) and is_plain_class(cls):
        guard_search(tracer, type(cls), "__call__", call)
        function = function_of_class(tracer, call)
        return CallRequest(function, [ConstantValue(cls), *args], kwargs)
    return instantiate(tracer, cls, args, kwargs)


_KNOWN_CLASSES = (np.finfo, np.iinfo, np.ndindex, np.ndenumerate)
"""Classes written in Python whose instances have values of their own here."""


def instantiate(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    """A new virtual instance and its ``__init__``; None for classes that `constructors` knows."""
    initialiser = search(cls, "__init__")
    if cls in _KNOWN_CLASSES:
        return None
    code = python_function(initialiser)
    if not is_plain_class(cls) or code is None:
        return None
    check_instantiable(cls)
    guard_search(tracer, cls, "__init__", initialiser)
    instance: PyValue = InstanceValue(cls)
    if has_own_constructor(cls):
        instance = make_by_constructor(tracer, cls, args, kwargs)
        if not issubclass(instance.python_type, cls):
            raise Unsupported("JF-B003", f"{cls.__name__}.__new__ of another class")
    function = function_of_class(tracer, code)
    return CallRequest(function, [instance, *args], kwargs, instance)


def make_by_constructor(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """What ``cls.__new__(cls, *args, **kwargs)`` gives."""
    made = search(cls, "__new__")
    guard_search(tracer, cls, "__new__", made)
    function: Any = cls.__new__
    receiver = ConstantValue(cls)
    result = tracer.run_nested(function_of_class(tracer, function), [receiver, *args], kwargs)
    return resolve(tracer, result)


def check_instantiable(cls: type) -> None:
    """Decline classes whose abstract methods are not defined."""
    if getattr(cls, "__abstractmethods__", None):
        raise Unsupported("JF-B009", f"TypeError: {cls.__name__} is abstract")
