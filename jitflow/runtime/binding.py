"""Binds call arguments to the state of a function's entry: its parameters, in order."""

from __future__ import annotations

import types
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

_VARARGS, _VARKEYWORDS = 0x04, 0x08


def parameter_names(code: CodeType) -> tuple[str, ...]:
    """Names of the parameters as a state has them: positional, keyword-only, ``*``, ``**``."""
    flags = bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]


def make_binder(function: FunctionType) -> Callable[..., tuple[Any, ...]]:
    """A function with the signature of `function` that returns its parameters as a tuple.

    Python itself binds the arguments, so that what is accepted is exactly what is accepted eagerly.
    """
    code = function.__code__
    names = list(parameter_names(code))
    source = f"def binder({_signature(code, names)}): return ({''.join(n + ', ' for n in names)})"
    try:
        namespace: dict[str, Any] = {}
        exec(compile(source, "<jitflow binder>", "exec"), namespace)
    except SyntaxError as error:
        raise ValueError(f"cannot bind the parameters of {function.__qualname__}") from error
    binder = types.FunctionType(
        namespace["binder"].__code__, {}, function.__name__, function.__defaults__
    )
    binder.__kwdefaults__ = function.__kwdefaults__
    binder.__qualname__ = function.__qualname__
    return binder


def _signature(code: CodeType, names: list[str]) -> str:
    """The parameter list; optional parameters get a placeholder that real defaults replace."""
    positional = names[: code.co_argcount]
    keyword_only = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    rest = names[code.co_argcount + code.co_kwonlyargcount :]
    parts = list(positional)
    if code.co_posonlyargcount:
        parts.insert(code.co_posonlyargcount, "/")
    if code.co_flags & _VARARGS:
        parts.append(f"*{rest.pop(0)}")
    elif keyword_only:
        parts.append("*")
    parts += keyword_only
    if code.co_flags & _VARKEYWORDS:
        parts.append(f"**{rest.pop(0)}")
    return ", ".join(parts)
