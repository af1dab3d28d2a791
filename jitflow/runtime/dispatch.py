"""Dispatch of one compiled function: from a call to a variant, and to a new one on a miss."""

from __future__ import annotations

import importlib
import math
import time
import weakref
from collections import Counter
from collections.abc import Callable
from threading import get_ident
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core import devices, events
from jitflow.core.collector import no_collection
from jitflow.core.config import config
from jitflow.core.errors import GraphBreak, RecompileError, Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.location import Location
from jitflow.core.locks import compiler_lock
from jitflow.guards.sources import Source
from jitflow.runtime import driver, link, native, reach
from jitflow.runtime.binding import make_binder, parameter_names
from jitflow.runtime.compiled import Compiled
from jitflow.runtime.continuations import Continuations, Patience
from jitflow.runtime.marks import EAGER, FAILED, MISS
from jitflow.runtime.options import Options
from jitflow.runtime.skipping import Skip
from jitflow.runtime.stance import stance
from jitflow.runtime.tracebacks import hide_frames
from jitflow.runtime.tree import make_tree
from jitflow.runtime.trial import Trial, Trials, size_class
from jitflow.runtime.variant import PointState, Variant
from jitflow.runtime.watch import Watch
from jitflow.tracer.trace import (
    ANY_VALUE,
    BreakExit,
    CompilePoint,
    EagerExit,
    FrameShape,
    ReturnExit,
    SplitExit,
    Trace,
)
from jitflow.tracer.tracer import trace

if TYPE_CHECKING:
    from jitflow.guards import explain
else:
    explain = LazyModule("jitflow.guards.explain")

_MOST_NESTED = 32
"""Calls of a function inside each other. Deeper ones run as Python: between pieces a call takes
more of the interpreter's stack than an eager one, and recursion must get as deep."""

_ENDS: dict[type, str] = {BreakExit: "break", ReturnExit: "return", SplitExit: "branch"}
_MOST_LENGTHS = 3
"""Variants that differ in the length of one list or tuple, behind a break."""
_MOST_VALUES = 4
"""Variants of one compile point from which on none is made for a single value of an integer."""
_MANY = 24
"""Pieces of one function from which on the time that they took to compile counts."""


class Dispatcher:
    """Owns the compile points of one function.

    Parameters
    ----------
    function : function
        The eager function.
    options : Options
    key : str
        The function's key in events.
    """

    def __init__(self, function: FunctionType, options: Options, key: str) -> None:
        self.function, self.options, self.key = function, options, key
        self._reaches: bool | None = None
        self._target: weakref.ref[Compiled] | None = None
        self.allows_native = not options.verify
        self._bind = make_binder(function)
        self._active: dict[int, int] = {}
        self._points: dict[int, PointState] = {}
        self.root = self._root()
        self._trials = Trials(self._eager_is_faster)
        self.watch = Watch()
        self._seconds = 0.0
        self._limit = math.inf
        self._refused: set[type] = set()
        self.patience = Patience()

    def compile_plain(self, limit: float) -> None:
        """Compile though no array is within reach, for at most `limit` seconds."""
        self._reaches, self._limit = True, limit

    def reset(self) -> None:
        """Forget every variant."""
        with compiler_lock:
            self._points.clear()
            self.root = self._root()
            self._trials = Trials(self._eager_is_faster)
            self.watch = Watch()
            self._seconds = 0.0
            self._refused = set()
            self.patience = Patience()
            self._install_native()

    def _root(self) -> PointState:
        code = self.function.__code__
        shape = FrameShape(code, 0, parameter_names(code))
        function = self.function
        closure = function.__closure__ or ()
        point = CompilePoint((shape,), (function.__globals__,), is_entry=True, closure=closure)
        return self.state_of(point)

    def state_of(self, point: CompilePoint) -> PointState:
        """What is known of `point`."""
        state = self._points.get(id(point))
        if state is None:
            shape = point.frames[-1]
            line = _line_of(shape)
            label = f"{shape.code.co_qualname}:{line}"
            state = self._points[id(point)] = PointState(point, label)
            if self.options.dynamic:
                state.dynamic.add("*")
        return state

    # The path of a call

    def missed(self, *args: Any, **kwargs: Any) -> Any:
        """What the oldest native entry falls back to; one frame a level where calls are nested."""
        if self.watch.is_on and self.watch.is_trying():
            return MISS
        if self._active.get(get_ident(), 0) >= _MOST_NESTED:
            return self.function(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function on these arguments: what a call does without a native entry."""
        eager = self._trials.eager_classes
        if eager and not kwargs and size_class(args) in eager and stance() == "default":
            if self.watch.is_on and self.watch.is_due(is_eager=True):
                self._look_again()
            return self.function(*args)
        thread = get_ident()
        depth = self._active.get(thread, 0)
        if depth >= _MOST_NESTED:
            return self.function(*args, **kwargs)
        self._active[thread] = depth + 1
        try:
            return self._call(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            if depth:
                self._active[thread] = depth
            else:
                self._active.pop(thread, None)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        if stance() == "eager" or (self._refused and self._has_refused((*args, *kwargs.values()))):
            return self.function(*args, **kwargs)
        state = self._state(args, kwargs)
        if state is None:
            return self.function(*args, **kwargs)  # raises the eager error
        root = self.root
        if self.patience.note_call():
            self._trials.reopen()
        if root.runs_eagerly and not self.patience.has_won:
            return self.function(*args, **kwargs)
        if not (root.variants or root.skip or self._is_worth_tracing(state)):
            return self.function(*args, **kwargs)
        if not config().measure or self.options.fullgraph or stance() != "default":
            return self._run(root, state, args, kwargs)
        if root.variants and not root.variants[0].trace.kind.is_host:
            return self._run(root, state, args, kwargs)  # a call returns before its work is done
        way, trial = self._trials.way(args, kwargs)
        if trial is None and way == "eager":
            return self.function(*args, **kwargs)
        if trial is None:
            return self._run(root, state, args, kwargs)
        if way == "eager":
            return self._trials.measure(trial, way, lambda: self.function(*args, **kwargs))
        return self._trials.measure(trial, way, lambda: self._run(root, state, args, kwargs))

    def _run(
        self,
        root: PointState,
        state: tuple[Any, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """The compiled way."""
        if root.runs_eagerly:
            continuations = Continuations(self, root)
            return driver.drive(continuations.run_eagerly(root, state), continuations)
        result = self._run_watched(args, kwargs) if self.watch.is_on else MISS
        if result is not MISS:
            return result
        result = self.enter(root, state)
        if type(result) in driver.UNFINISHED:
            return driver.drive(result, Continuations(self, root))
        if result is FAILED or result is EAGER:
            return self.function(*args, **kwargs)
        return result

    def _run_watched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The newest native entry, or `MISS` where no entry takes the call."""
        if self.watch.is_due(is_eager=False):
            self._look_again()
        newest = self.newest_native()
        return MISS if newest is None else self.watch.run(newest.callable, args, kwargs)

    def _look_again(self) -> None:
        """Go back to native calls, or measure both ways again."""
        self._trials.forget()
        if not self.watch.look_again():
            self._install_native()

    def _state(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """The parameters of a call; None where the function does not take such arguments."""
        try:
            return self._bind(*args, **kwargs)
        except TypeError:
            return None

    def _is_worth_tracing(self, state: tuple[Any, ...]) -> bool:
        """Whether arrays are within reach; the function itself is looked at once."""
        if self._reaches is None:
            self._reaches = config().trace_everything or reach.function_reaches(self.function)
        return self._reaches or reach.values_reach(state)

    def newest_native(self) -> Any:
        """The native entry that a new one falls back to; None if there is none."""
        return next((v.native for v in self.root.variants if v.native is not None), None)

    def values_of(
        self, sources: tuple[Source, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...]:
        """The values of `sources` in a call."""
        evaluator = explain.Evaluator(self._bind(*args, **kwargs))
        return tuple(evaluator.value(source) for source in sources)

    def failed_check(self, *args: Any, **kwargs: Any) -> Any:
        """A native entry's run-time check failed: run the call again as Python."""
        self._note_eager("JF-B020", "", _start_of(self.root.point))
        return self.run_again(*args, **kwargs)

    def run_again(self, *args: Any, **kwargs: Any) -> Any:
        """Run a call as Python that ran natively in vain."""
        if self.watch.note_lost(args, kwargs):
            self._trials.forget()
            self._install_native()
        return self.function(*args, **kwargs)

    def enter(self, point: PointState, state: tuple[Any, ...]) -> Any:
        """The user's value, an outcome for the driver, or `FAILED` where Python must run."""
        for function in self._candidates(point, state):
            try:
                result = function(*state)
            except Unsupported as error:  # a device has no memory left, a kernel did not compile
                self._note_eager(error.code, error.detail, _start_of(point.point))
                return FAILED
            if result is not MISS:
                if result is FAILED:
                    self._check_failed(point)
                return result
        skip = point.skip
        if skip is not None and not self._is_due(skip, state):
            return skip.outcome(state)
        return self._miss(point, state)

    def _is_due(self, skip: Skip, state: tuple[Any, ...]) -> bool:
        """Whether a point is to be traced again; what fails in finding out makes no difference."""
        try:
            return skip.is_due(state)
        except Exception:
            if config().strict:
                raise
            return False

    def _candidates(self, point: PointState, state: tuple[Any, ...]) -> list[Callable[..., Any]]:
        """Functions of the variants that may fit; native entries were tried before this."""
        if point.select is not None:
            return point.select(*state)
        return [variant.function for variant in point.variants if variant.native is None]

    def _check_failed(self, point: PointState) -> None:
        self._note_eager("JF-B020", "", _start_of(point.point))

    # A miss

    def _miss(self, point: PointState, state: tuple[Any, ...]) -> Any:
        with compiler_lock:
            if point.runs_eagerly:
                return FAILED
            for variant in point.variants:
                result = variant.function(*state)  # another thread may have compiled it
                if result is not MISS:
                    return result
            made = self._compile(point, state)
        if made is None:
            skip = None if point.runs_eagerly else point.skip
            return FAILED if skip is None else skip.outcome(state)
        if made.native is not None:
            return self._call_native(made, state)
        try:
            result = made.function(*state)
        except Unsupported as error:
            self._note_eager(error.code, error.detail, _start_of(point.point))
            return FAILED
        return FAILED if result is MISS else result

    def _call_native(self, variant: Variant, state: tuple[Any, ...]) -> Any:
        code = self.function.__code__
        count = code.co_argcount
        names = code.co_varnames[count : count + code.co_kwonlyargcount]
        return variant.native.callable(
            *state[:count], **dict(zip(names, state[count:], strict=True))
        )

    def _learn(self, point: PointState, state: tuple[Any, ...]) -> bool:
        """Find out why each variant missed; make the integers that changed symbolic.

        Gives whether one more variant may help: behind a break, a list that has another length each
        time (it grows) had one for each of the lengths.
        """
        reasons, resized = [], Counter[str]()
        for variant in point.variants:
            failure = explain.first_failure(variant.trace.guards, variant.trace.inputs, state)
            if failure is not None:
                reasons.append(failure.reason)
                resized[failure.resized] += bool(failure.resized)
                point.dynamic |= failure.dynamic
        if len(point.variants) >= _MOST_VALUES and not self.options.fullgraph:
            point.dynamic.add(ANY_VALUE)
        if len(point.variants) >= config().max_variants and not point.is_generic:
            point.is_generic = True
            point.dynamic.add("*")
        if reasons:
            if stance() == "fail_on_recompile":
                raise RecompileError(f"{point.label}: {'; '.join(reasons)}")
            events.emit(events.Recompiled(self.key, point.label, tuple(reasons)))
        return point is self.root or max(resized.values(), default=0) < _MOST_LENGTHS

    def _compile(self, point: PointState, state: tuple[Any, ...]) -> Variant | None:
        """Trace and link one more variant; None where Python should run instead."""
        started = time.thread_time()
        try:
            with no_collection():
                return self._try_to_compile(point, state)
        except (GraphBreak, RecompileError):
            raise
        except (RecursionError, MemoryError):
            return None  # the call may still succeed as ordinary Python
        except Exception as error:
            self._compiler_failed(point, error)
            return None
        finally:
            self._seconds += time.thread_time() - started

    def _has_taken_long(self) -> bool:
        is_many = self._trials.compilations > _MANY
        return self._seconds > min(
            self._limit, config().max_compile_seconds if is_many else math.inf
        )

    def _try_to_compile(self, point: PointState, state: tuple[Any, ...]) -> Variant | None:
        if not self._learn(point, state):
            self.go_eager(point, "JF-B018", "a list that has another length each time", None)
            return None
        if len(point.variants) >= 2 * config().max_variants:
            self.go_eager(point, "JF-B018", "too many different calls", None)
            return None
        if self._has_taken_long():
            spent = f"{self._trials.compilations} pieces took {self._seconds:.1f} s to compile"
            self.go_eager(point, "JF-B018", spent, None)
            return None
        events.emit(events.FrameSeen(self.key, point.label))
        self._trials.compilations += 1
        started = time.perf_counter()
        record = trace(
            point.point,
            state,
            name=self.function.__qualname__,
            dynamic=frozenset(point.dynamic),
        )
        traced = time.perf_counter()
        self._refuse_breaks(record)
        if self._is_left_to_eager(point, state, record):
            return None
        if isinstance(record.exit, EagerExit):
            self.go_eager(point, record.exit.code, record.exit.detail, record.exit.location)
            return None
        if self._skips(point, record):
            return None
        variant, texts = link.link(record, len(state), self.options, self, point.pool)
        linked = time.perf_counter()
        self._publish(point, variant, texts, (traced - started, linked - traced))
        return variant

    def _has_refused(self, values: tuple[Any, ...]) -> bool:
        return any(type(value) in self._refused for value in values)

    def _is_left_to_eager(self, point: PointState, state: tuple[Any, ...], record: Trace) -> bool:
        """Whether there are arrays of a device that is not compiled for.

        Calls with such arrays as arguments run eagerly from now on; others may be compiled.
        """
        exit, detail = record.exit, ""
        if isinstance(exit, EagerExit) and exit.code == "JF-B022":
            detail = exit.detail
        elif not record.kind.is_host and self.options.backend != "auto":
            detail = f"arrays are on {record.kind}, backend={self.options.backend!r}"
        known = {type(value) for value in state if _is_of_device(value)}
        if not (detail and known and point is self.root):
            return False
        self._refused |= known
        self._note_eager("JF-B022", detail, _start_of(point.point))
        return True

    def _note_exit(self, record: Trace) -> None:
        exit = record.exit
        if isinstance(exit, BreakExit) and exit.count:
            events.emit(events.Broke(self.key, exit.code, exit.detail, exit.location, exit.stack))
        elif isinstance(exit, BreakExit):
            events.emit(events.LoopLeft(self.key, exit.detail, exit.location))

    def _skips(self, point: PointState, record: Trace) -> bool:
        """Whether Python runs the piece, for there is nothing in it."""
        function = None if self.options.fullgraph else self.function
        skip = point.skip or (function and Skip.make(record, function))
        if not (skip and skip.takes(record)):
            return False
        point.skip = skip
        if point is self.root:
            self._install_native()
        self._note_exit(record)
        return True

    def _publish(
        self,
        point: PointState,
        variant: Variant,
        texts: link.Texts,
        seconds: tuple[float, float],
    ) -> None:
        point.variants.insert(0, variant)
        glues = [made.glue for made in point.variants if made.native is None]
        if len(glues) > 1:
            point.select = make_tree(glues, glues[0].state_size)
        record = variant.trace
        operators = sum(1 for _ in record.graph.walk())
        events.emit(
            events.PieceCompiled(
                self.key,
                point.label,
                operators,
                operators - texts.call_outs,
                texts.call_outs,
                seconds[0] * 1e3,
                seconds[1] * 1e3,
                _ENDS[type(record.exit)],
                texts.captured,
                tuple({(loc.filename, loc.line) for loc in record.locations}),
                texts.texts,
            )
        )
        self._note_exit(record)
        if point is self.root:
            self._install_native()

    def _refuse_breaks(self, record: Trace) -> None:
        exit = record.exit
        refuses = self.options.fullgraph or stance() == "fail_on_break"
        if refuses and isinstance(exit, BreakExit | EagerExit | SplitExit):
            raise GraphBreak(exit.code, exit.detail, exit.location)

    def _compiler_failed(self, point: PointState, error: Exception) -> None:
        code, detail = "JF-B001", f"{type(error).__name__}: {error}"
        if isinstance(error, Unsupported):
            code, detail = error.code, error.detail
        elif config().strict:
            raise error
        if self.options.fullgraph:
            raise GraphBreak(code, detail, _start_of(point.point)) from error
        location = _start_of(point.point)
        events.emit(events.Broke(self.key, code, detail, location))
        self.go_eager(point, code, detail, location)

    def go_eager(
        self, point: PointState, code: str, detail: str, location: Location | None
    ) -> None:
        """Leave `point` to Python."""
        point.runs_eagerly = True
        self._note_eager(code, detail, location or _start_of(point.point))

    def _eager_is_faster(self, trial: Trial) -> None:
        compiled, eager = (min(times, default=0.0) * 1e6 for times in trial.times.values())
        detail = f"{compiled:.1f} us compiled, {eager:.1f} us eager"
        if not eager:
            detail = f"{trial.compilations} calls had to be compiled"
        self._note_eager("JF-B021", detail, _start_of(self.root.point))

    def _note_eager(self, code: str, detail: str, location: Location) -> None:
        events.emit(events.RanEagerly(self.key, code, detail, location))

    def install_into(self, target: weakref.ref[Compiled]) -> None:
        """Give the newest native entry to this object whenever there is a new one."""
        self._target = target

    def _install_native(self) -> None:
        target = self._target() if self._target is not None else None
        newest = None if self.watch.is_on else self.newest_native()
        if target is None:
            return
        if newest is None:
            target.clear_native()
            is_known = self.root.variants or self.root.skip
            if is_known and config().native_entry and self.options.backend == "auto":
                target.forward(self.call, native.forward_address())
        else:
            target.set_native(newest.address, newest)


def _cuda_finder() -> devices.Finder:
    module: Any = importlib.import_module("jitflow.runtime.device.cuda")
    finder: devices.Finder = module.make_finder()
    return finder


devices.announce("cupy", _cuda_finder)


def _is_of_device(value: Any) -> bool:
    kind = devices.kind_of(value)
    return kind is not None and not kind.is_host


def _line_of(shape: FrameShape) -> int:
    line = shape.code.co_firstlineno
    for start, end, number in shape.code.co_lines():
        if start <= shape.offset < end and number is not None:
            line = number
    return line


def _start_of(point: CompilePoint) -> Location:
    shape = point.frames[-1]
    return Location(shape.code.co_filename, _line_of(shape), shape.code.co_qualname)
