"""A compiled function before its first call: the compiler itself is loaded when it is needed.

``import jitflow`` and decoration load neither tracer nor code generation nor llvmlite.
"""

from __future__ import annotations

import importlib
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.collector import no_collection
from jitflow.core.config import config
from jitflow.core.locks import compiler_lock
from jitflow.runtime import reach
from jitflow.runtime.compiled import Compiled
from jitflow.runtime.options import Options

if TYPE_CHECKING:
    from jitflow.runtime.dispatch import Dispatcher


_LONGEST_PAUSE = 32
"""Calls in a row that are not looked at, where many before them led to no array."""


class Pending:
    """Makes the dispatcher of one function on demand and hands calls to it.

    Parameters
    ----------
    function : function
    options : Options
    key : str
        The function's key in events.
    """

    def __init__(self, function: FunctionType, options: Options, key: str) -> None:
        self.function, self.options, self.key = function, options, key
        self.made: Dispatcher | None = None
        self._target: weakref.ref[Compiled] | None = None
        self._reaches: bool | None = None
        self._looks, self._pause = 0, 0

    def attach(self, compiled: Compiled) -> None:
        """Say which object calls come from; it gets the faster ways in as they are made."""
        self._target = weakref.ref(compiled)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the dispatcher, let the next call go to it directly, and call it.

        Where no array is within reach there is nothing to compile: not even the compiler is loaded.
        """
        if self.made is None and self._is_without_arrays(args, kwargs):
            return self.function(*args, **kwargs)
        dispatcher = self.dispatcher()
        call = dispatcher.call
        if self.options.verify:
            call = importlib.import_module("jitflow.runtime.verify").verified(dispatcher)
        target = self._target() if self._target is not None else None
        if target is not None:
            target.slow_call = call
        return call(*args, **kwargs)

    def _is_without_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if config().trace_everything or self.options.verify:
            return False
        if self._pause:
            self._pause -= 1
            return True
        if self._reaches is None:
            self._reaches = reach.function_reaches(self.function)
        if self._reaches or reach.call_reaches(self.function, args, kwargs):
            return False
        self._looks += 1
        self._pause = min(self._looks // 8, _LONGEST_PAUSE)
        return True

    def dispatcher(self) -> Dispatcher:
        """The dispatcher, made once."""
        with compiler_lock:
            if self.made is None:
                with no_collection():
                    module = importlib.import_module("jitflow.runtime.dispatch")
                made: Dispatcher = module.Dispatcher(self.function, self.options, self.key)
                if self._target is not None and not self.options.verify:
                    made.install_into(self._target)
                self.made = made
        return self.made

    def reset(self) -> None:
        """Forget every variant."""
        if self.made is not None:
            self.made.reset()
