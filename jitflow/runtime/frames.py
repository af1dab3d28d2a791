"""Calls NumPy from a frame that looks like the user's: its warnings then name the user's line.

A warning takes file, line and registry from the Python frame that calls NumPy. The frames made here
run a call with the code name, file, line and globals of the place where the user's program made it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from jitflow.core.location import Location


def _call(function: Any, arguments: Any, keywords: Any) -> Any: return function(*arguments, **keywords)  # noqa: E501  # fmt: skip


Caller = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def caller_at(location: Location, namespace: dict[str, Any]) -> Caller:
    """``function(*arguments, **keywords)`` as the program would call it at `location`."""
    code = _code(location.filename, location.line, location.function)
    return FunctionType(code, namespace)


@functools.lru_cache(maxsize=4096)
def _code(filename: str, line: int, name: str) -> Any:
    name = name or _call.__name__
    return _call.__code__.replace(
        co_filename=filename, co_firstlineno=max(line, 1), co_name=name, co_qualname=name
    )


def expression_at(
    location: Location,
    namespace: dict[str, Any],
    parameters: Sequence[str],
    text: str,
    objects: dict[str, Any],
) -> Callable[..., Any]:
    """A function of `parameters` that gives the value of the expression `text`, at `location`.

    `objects` are the names that the expression uses besides its parameters.
    """
    names = ", ".join((*parameters, *objects))
    module = compile(f"lambda {names}: {text}", location.filename, "eval")
    inner = next(item for item in module.co_consts if isinstance(item, CodeType))
    name = location.function or _call.__name__
    line = max(location.line, 1)
    code = inner.replace(co_firstlineno=line, co_name=name, co_qualname=name)
    return FunctionType(code, namespace, name, tuple(objects.values()))
