"""The public face: `compile`, `disable`, `explain`, stances, statistics."""

from __future__ import annotations

import functools
import itertools
import sys
import warnings
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from jitflow.core import devices, events
from jitflow.core.lazy import LazyModule
from jitflow.core.platform import is_supported
from jitflow.core.weak import WeakValues
from jitflow.debug import journal, logs
from jitflow.runtime.compiled import Compiled
from jitflow.runtime.options import Options
from jitflow.runtime.pending import Pending
from jitflow.runtime.stance import set_stance
from jitflow.tracer import marks

if TYPE_CHECKING:
    from jitflow.debug import report
    from jitflow.debug.report import Report
    from jitflow.runtime.device import transfer
else:
    transfer = LazyModule("jitflow.runtime.device.transfer")
    report = LazyModule("jitflow.debug.report")

__all__ = [
    "compile",
    "disable",
    "explain",
    "is_compiling",
    "mark_dynamic",
    "reset",
    "set_stance",
    "stats",
    "to_device",
]

F = TypeVar("F", bound=Callable[..., Any])
BACKENDS = ("auto", "cpu", "triton", "reference")

events.listen(journal.record)
events.listen(logs.write)
_serial = itertools.count(1)
_DECORATOR = type("Decorator", (), {"__repr__": lambda self: "None"})()


@overload
def compile(fn: F) -> F: ...
@overload
def compile(
    fn: None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "auto",
    mode: str | None = None,
    fastmath: bool = False,
    verify: bool = False,
) -> Callable[[F], F]: ...
def compile(
    fn: Any = _DECORATOR,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "auto",
    mode: str | None = None,
    fastmath: bool = False,
    verify: bool = False,
) -> Any:
    """Compile a Python function on NumPy arrays; usable as a decorator with or without arguments.

    The result means what `fn` means. It is traced when it is called first, with the arguments at
    hand; what cannot be compiled runs as Python in its place, and ``fn.report()`` shows it.

    Parameters
    ----------
    fn : callable
        A function, lambda, method, static or class method, or an object with ``__call__``.
    fullgraph : bool
        Raise `GraphBreak` instead of breaking the graph.
    dynamic : bool, optional
        True: integers and dimensions are symbolic from the first trace. False: never. None: they
        become so when they change.
    backend : {"auto", "cpu", "triton", "reference"}
        ``auto`` compiles for where the arrays are. ``cpu`` leaves functions of a GPU's arrays to
        Python. ``triton`` takes arrays that other libraries have on a GPU (torch's), as arguments
        and in containers of them, as CuPy arrays over the same memory; results are CuPy arrays.
        ``reference`` runs the graph by NumPy, node by node.
    mode : {"default", "reduce-overhead", "max-autotune"}, optional
        For arrays on a GPU: ``reduce-overhead`` replays launches as CUDA graphs, ``max-autotune``
        chooses the blocks of kernels by running candidates in the first call, too.
    fastmath : bool
        Allow reassociation and contraction of floating-point operations.
    verify : bool
        Run eager beside compiled at each call and raise `VerifyError` on a difference.

    Raises
    ------
    TypeError
        If `fn` is not callable.
    ValueError
        If `backend` or `mode` is unknown.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
    if mode not in (None, "default", "reduce-overhead", "max-autotune"):
        raise ValueError(f"unknown mode {mode!r}")
    options = Options(fullgraph, dynamic, backend, mode, fastmath, verify)
    if fn is _DECORATOR or (fn is None and options != Options()):
        return functools.partial(_compile, options=options)
    return _compile(fn, options)


def _compile(fn: Any, options: Options) -> Any:
    if isinstance(fn, Compiled):
        return fn
    if isinstance(fn, staticmethod | classmethod):
        return type(fn)(_compile(fn.__func__, options))
    if isinstance(fn, MethodType):
        return MethodType(_compile(fn.__func__, options), fn.__self__)
    if isinstance(fn, FunctionType):
        return _compile_function(fn, options)
    if not callable(fn):
        raise TypeError(f"jitflow.compile takes a callable, not {type(fn).__name__}")
    method: Any = type(fn).__call__
    if isinstance(fn, type) or not isinstance(method, FunctionType):
        return fn  # a class or native callable: nothing to trace
    return MethodType(_compile_function(method, options), fn)


def _compile_function(function: FunctionType, options: Options) -> Any:
    if getattr(function, "__jitflow_disable__", False):
        return function
    key = f"{function.__module__}.{function.__qualname__}#{next(_serial)}"
    if not is_supported():
        _warn_unsupported()
        return function
    pending = Pending(function, options, key)
    compiled = Compiled(function, pending)
    pending.attach(compiled)
    compiled.__dict__["_pending"] = pending
    compiled.__dict__["report"] = functools.partial(_report, key)
    compiled.__dict__["reset"] = pending.reset
    compiled.__dict__["_journal"] = journal.journal(key)
    _compiled.add(key, compiled)
    return compiled


_compiled: WeakValues[str, Any] = WeakValues()


@functools.cache
def _warn_unsupported() -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    warnings.warn(
        f"jitflow does not support Python {version} here; compiled functions run eagerly",
        RuntimeWarning,
        stacklevel=4,
    )


def _report(key: str) -> Report:
    """What happened to this function so far: pieces, breaks, recompiles, times."""
    return report.Report(journal.journal(key))


def disable(fn: F) -> F:
    """Mark a function to run eagerly always, also when a compiled function calls it."""
    if isinstance(fn, Compiled):
        return disable(fn._function)  # type: ignore[return-value]
    fn.__jitflow_disable__ = True  # type: ignore[attr-defined]
    return fn


def is_compiling() -> bool:
    """False when run by Python; True in compiled code (the tracer answers for it)."""
    return False


def mark_dynamic(array: Any, axis: int) -> None:
    """Make extent `axis` of `array` symbolic the first time that a piece takes it.

    Raises
    ------
    TypeError
        If `array` is neither an ndarray nor an array of a device.
    IndexError
        If it has no such axis.
    """
    if not isinstance(array, np.ndarray) and devices.kind_of(array) is None:
        raise TypeError(f"mark_dynamic takes an ndarray, not {type(array).__name__}")
    if not -array.ndim <= axis < array.ndim:
        raise IndexError(f"axis {axis} is out of range for an array of rank {array.ndim}")
    marks.mark(array, axis % array.ndim)


def to_device(tree: Any, device: str) -> Any:
    """Move the arrays of a nested dict, list, tuple or data class to a device.

    Parameters
    ----------
    tree : object
        An array, or a container of arrays; what is no array stays as it is.
    device : {"cuda", "cpu"}
        ``"cuda"`` gives CuPy arrays: host arrays are copied to the current device; arrays of other
        libraries that are on a GPU (``__cuda_array_interface__``, DLPack) are not copied. ``"cpu"``
        gives NumPy arrays.

    Raises
    ------
    ValueError
        If `device` is another name.
    DeviceNotUsable
        There is no GPU, or CuPy is missing; the message has the remedy.
    """
    return transfer.move(tree, device)


def reset() -> None:
    """Forget every variant and journal of every compiled function."""
    journal.forget()
    for key, compiled in _compiled.items():
        compiled._pending.reset()
        compiled.__dict__["_journal"] = journal.journal(key)


def explain(fn: Callable[..., Any]) -> Callable[..., Report]:
    """``explain(fn)(*args)`` calls `fn` compiled and returns the report instead of the result.

    A function that is compiled already keeps its variants; nothing is reset.
    """
    compiled = fn if isinstance(fn, Compiled) else compile(fn)

    def call(*args: Any, **kwargs: Any) -> Report:
        compiled(*args, **kwargs)
        make = getattr(compiled, "report", None) or compiled.__func__.report  # type: ignore[attr-defined]
        return make()  # type: ignore[no-any-return]

    return call


def stats() -> dict[str, float]:
    """Counters of this process: frames, pieces, breaks, recompiles, operators, milliseconds."""
    return journal.stats()
