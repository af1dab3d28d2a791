"""What native entries refer to: addresses of C functions, and the table of their parameters."""

from __future__ import annotations

import ctypes
from typing import Any

from jitflow.codegen.cpu import entry_helpers
from jitflow.codegen.cpu.entry_helpers import python_function
from jitflow.codegen.cpu.entry_spec import Parameters


class BindingTable:
    """What ``jf.bind`` reads: counts, then the name and the default of each parameter.

    Words: count, positional only, most positional, function, its defaults, its keyword defaults;
    then for each parameter its name and its default (0 for none).
    """

    def __init__(self, parameters: Parameters) -> None:
        function: Any = parameters.function
        defaults = (function.__defaults__ if function else None) or ()
        by_keyword = (function.__kwdefaults__ if function else None) or {}
        most_positional = parameters.count - parameters.keyword_only
        first = most_positional - len(defaults)
        by_name = dict(zip(parameters.names[first:most_positional], defaults, strict=True))
        by_name |= by_keyword
        self._keep = parameters, defaults, by_keyword, by_name
        words = [parameters.count, parameters.positional_only, most_positional]
        words += [id(item) if item else 0 for item in (function, defaults, by_keyword)]
        for name in parameters.names:
            words += [id(name), id(by_name[name]) if name in by_name else 0]
        self._words = (ctypes.c_int64 * len(words))(*words)

    @property
    def address(self) -> int:
        """Address of the first word."""
        return ctypes.addressof(self._words)


def c_function(name: str) -> int:
    """Address of a C function of CPython, of NumPy's array API, or of the helpers (``jf.*``)."""
    if name.startswith("jf."):
        return entry_helpers.address(name)
    return python_function(name)
