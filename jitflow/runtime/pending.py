"""A compiled function before its first call: the compiler itself is loaded when it is needed.

``import jitflow`` and decoration load neither tracer nor code generation nor llvmlite.
"""

from __future__ import annotations

import importlib
import math
import time
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.collector import no_collection
from jitflow.core.config import config
from jitflow.core.lazy import LazyModule
from jitflow.core.locks import compiler_lock
from jitflow.runtime import reach
from jitflow.runtime.compiled import Compiled
from jitflow.runtime.options import Options
from jitflow.runtime.tracebacks import unseen

if TYPE_CHECKING:
    from jitflow.runtime import plain
    from jitflow.runtime.dispatch import Dispatcher
else:
    plain = LazyModule("jitflow.runtime.plain")


_LONGEST_PAUSE = 32
"""Calls in a row that are not looked at, where many before them led to no array."""
_LOOKS = 4
"""Calls that are all looked at."""
_SHARE, _LEAST_SECONDS = 0.02, 1e-8
"""Of a call's time, that looking may take on the average; this much it may always take."""
_DEAREST_PAUSE = 4096
_WITHOUT_ARRAYS = 1.0
"""Seconds that compiling may take where neither the code nor the arguments lead to an array."""


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
        self._names: bool | None = None
        self._reaches = False
        self._looks, self._pause = 0, 0
        self._look_seconds = math.inf
        self._numbers: plain.Numbers | None = None
        self._allowance: plain.Allowance | None = None
        self._most_seconds = math.inf

    def attach(self, compiled: Compiled) -> None:
        """Say which object calls come from; it gets the faster ways in as they are made."""
        self._target = weakref.ref(compiled)

    @unseen
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the dispatcher, let the next call go to it directly, and call it.

        Where no array is within reach, and no loop of numbers is worth it, there is nothing to
        compile: not even the compiler is loaded.
        """
        if self._pause:
            self._pause -= 1
            return self.function(*args, **kwargs)
        if self.made is None and not self._traces_everything():
            start = time.perf_counter()
            if not self._is_due(args, kwargs):
                return self._timed(args, kwargs, start)
        dispatcher = self.dispatcher()
        call = dispatcher.call
        if self.options.verify:
            call = importlib.import_module("jitflow.runtime.verify").verified(dispatcher)
        if self.options.backend == "triton":
            call = importlib.import_module("jitflow.runtime.device.transfer").adopting(call)
        target = self._target() if self._target is not None else None
        if target is not None:
            target.slow_call = call
        return call(*args, **kwargs)

    def _traces_everything(self) -> bool:
        return config().trace_everything or self._is_wrapped

    @property
    def _is_wrapped(self) -> bool:
        """Whether something is done to each call, so that none may go straight to native code."""
        return self.options.verify or self.options.backend == "triton"

    def _is_due(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether to compile now: code that names no arrays and is given none may wait."""
        if self._names is None:
            self._names = reach.names_numpy(self.function)
            self._reaches = reach.function_reaches(self.function)
        if self._names or reach.call_reaches(self.function, args, kwargs, by_name=True):
            return True
        if self._reaches or reach.call_reaches(self.function, args, kwargs):
            if self._numbers_in() != "none":
                self._most_seconds = _WITHOUT_ARRAYS
                return True
            self._allowance = self._allowance or plain.Allowance()
        return self._is_worth_tracing(args, kwargs)

    def _numbers_in(self) -> plain.Numbers:
        if self._numbers is None:
            self._numbers = plain.look(self.function)
            if self._numbers != "none":
                self._allowance = plain.Allowance()
        return self._numbers

    def _is_worth_tracing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether loops of numbers are, or what takes long enough."""
        numbers = self._numbers_in()
        if self._allowance is None:
            return False
        if numbers == "all" and plain.is_large(self.function, (*args, *kwargs.values())):
            self._allowance.is_at_once = True
        return self._allowance.is_due

    @unseen
    def _timed(self, args: tuple[Any, ...], kwargs: dict[str, Any], start: float) -> Any:
        """Run the function, and see how long it takes, and how long the look since `start` did."""
        called = time.perf_counter()
        result = self.function(*args, **kwargs)
        seconds = time.perf_counter() - called
        target = self._target() if self._target is not None else None
        self._looks += 1
        if self._looks >= _LOOKS:
            # One look that something interrupts says little: twice the last one at most.
            self._look_seconds = min(2 * self._look_seconds, called - start)
            dear = self._look_seconds / max(_SHARE * seconds, _LEAST_SECONDS)
            growing = min(self._looks // 8, _LONGEST_PAUSE)
            self._pause = max(growing, min(int(dear), _DEAREST_PAUSE))
        if self._allowance is not None:
            self._allowance.seconds += seconds * (1 + self._pause)
        if self._pause and target is not None and target.forward(self.function, self, self._pause):
            self._pause = 0
        return result

    def dispatcher(self) -> Dispatcher:
        """The dispatcher, made once."""
        with compiler_lock:
            if self.made is None:
                with no_collection():
                    module = importlib.import_module("jitflow.runtime.dispatch")
                made: Dispatcher = module.Dispatcher(self.function, self.options, self.key)
                if self._allowance is not None and self._allowance.is_due:
                    made.compile_plain(self._allowance.limit)
                elif self._most_seconds < math.inf:
                    made.compile_plain(self._most_seconds)
                if self._target is not None and not self._is_wrapped:
                    made.install_into(self._target)
                self.made = made
        return self.made

    def reset(self) -> None:
        """Forget every variant."""
        if self.made is not None:
            self.made.reset()
