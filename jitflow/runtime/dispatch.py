"""Dispatch of one compiled function: from a call to a variant, and to a new one on a miss."""

from __future__ import annotations

import importlib
import math
import weakref
from collections.abc import Callable
from threading import get_ident
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core import devices, events
from jitflow.core.config import config
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule, lazy_property
from jitflow.core.location import Location
from jitflow.core.locks import compiler_lock
from jitflow.guards.sources import Source
from jitflow.runtime import driver, reach
from jitflow.runtime.binding import make_binder, parameter_names
from jitflow.runtime.compiled import Compiled
from jitflow.runtime.continuations import Continuations, Patience
from jitflow.runtime.marks import EAGER, FAILED, MISS
from jitflow.runtime.options import Options
from jitflow.runtime.skipping import Skip
from jitflow.runtime.stance import stance
from jitflow.runtime.tracebacks import hide_frames, unseen
from jitflow.runtime.trial import Trial, Trials, size_class
from jitflow.runtime.variant import PointState, Variant
from jitflow.runtime.variants import VariantMaker
from jitflow.runtime.watch import Watch
from jitflow.runtime.worth import Account
from jitflow.tracer.trace import (
    CompilePoint,
    FrameShape,
)

if TYPE_CHECKING:
    from jitflow.guards import explain
    from jitflow.runtime import dead_variables
    from jitflow.runtime.dead_variables import DeadVariables
else:
    dead_variables = LazyModule("jitflow.runtime.dead_variables")
    explain = LazyModule("jitflow.guards.explain")

_MOST_NESTED = 32
"""Calls of a function inside each other. Deeper ones run as Python: between pieces a call takes
more of the interpreter's stack than an eager one, and recursion must get as deep."""


_LONGEST_PAUSE = 256
"""Calls in a row that go to the function unseen, where all seen ones were better off as Python."""


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
        self.trials = Trials(self._eager_is_faster)
        self._worthy: dict[CodeType, tuple[int, frozenset[int]]] = {}
        self.watch = Watch()
        self._pause, self._passed = 1, 0
        self._most_seconds = math.inf
        self._maker = VariantMaker(self, self._most_seconds)
        self.patience = Patience()

    def compile_plain(self, most_seconds: float) -> None:
        """Compile though no array is within reach, for at most so many seconds."""
        self._reaches, self._most_seconds = True, most_seconds
        self._maker = VariantMaker(self, most_seconds)

    @lazy_property
    def dead_variables(self) -> DeadVariables:
        """What the states of compile points do without."""
        return dead_variables.DeadVariables()

    def reset(self) -> None:
        """Forget every variant."""
        with compiler_lock:
            self._points.clear()
            self._worthy.clear()
            self.root = self._root()
            self.trials = Trials(self._eager_is_faster)
            self.watch = Watch()
            self._maker = VariantMaker(self, self._most_seconds)
            self.patience = Patience()
            self.__dict__.pop("dead_variables", None)
            self.install_native()

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
            state = self._points[id(point)] = PointState(point)
            if self.options.dynamic:
                state.dynamic.add("*")
        return state

    def worthy(self, code: CodeType) -> frozenset[int]:
        """Offsets in `code` from which there is a piece that is worth its way in and out."""
        count, found = self._worthy.get(code, (-1, frozenset()))
        if count != self.trials.compilations:
            shapes = [s.point.frames[-1] for s in self._points.values() if s.is_worthy]
            found = frozenset(shape.offset for shape in shapes if shape.code is code)
            self._worthy[code] = self.trials.compilations, found
        return found

    @property
    def measures(self) -> bool:
        """Whether calls and loops are timed, to find the faster way."""
        if not config().measure or self.options.fullgraph or stance() != "default":
            return False
        variants = self.root.variants  # on a device a call returns before its work is done
        return not variants or variants[0].trace.kind.is_host

    # The path of a call

    @unseen
    def missed(self, *args: Any, **kwargs: Any) -> Any:
        """What the oldest native entry falls back to; one frame a level where calls are nested."""
        if self.watch.is_on and self.watch.is_trying():
            return MISS
        try:
            if self._active.get(get_ident(), 0) >= _MOST_NESTED:
                return self.function(*args, **kwargs)
            return self.call(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    @unseen
    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function on these arguments: what a call does without a native entry."""
        eager = self.trials.eager_classes
        if eager and not kwargs and size_class(args) in eager and stance() == "default":
            if self.watch.is_on and self.watch.is_due(is_eager=True, calls=self._passed + 1):
                self._passed = 0
                self._look_again()
            else:
                self._let_pass()
            return self.function(*args)
        thread = get_ident()
        depth = self._active.get(thread, 0)
        if depth >= _MOST_NESTED:
            return self.function(*args, **kwargs)
        self._active[thread] = depth + 1
        Account.enter()
        try:
            return self._call(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            Account.leave()
            if depth:
                self._active[thread] = depth
            else:
                self._active.pop(thread, None)

    @unseen
    def _call(self, *args: Any, **kwargs: Any) -> Any:
        if stance() == "eager" or self._maker.refuses(args, kwargs):
            return self.function(*args, **kwargs)
        state = self._state(args, kwargs)
        if state is None:
            return self.function(*args, **kwargs)  # raises the eager error
        root = self.root
        if self.patience.note_calls(self._passed + 1):
            self.trials.reopen()
        is_given_up = root.runs_eagerly and not self.patience.has_won
        if is_given_up or not (root.variants or root.skip or self._is_worth_tracing(state)):
            self._let_pass()
            return self.function(*args, **kwargs)
        self._passed = 0
        if not self.measures:
            return self._run(root, state, args, kwargs)
        way, trial = self.trials.way(args, kwargs)
        if trial is None and way == "eager":
            return self.function(*args, **kwargs)
        if trial is None:
            return self._run(root, state, args, kwargs)
        self._pause = 1
        if way == "eager":
            return self.trials.measure(trial, way, lambda: self.function(*args, **kwargs))
        return self.trials.measure(trial, way, lambda: self._run(root, state, args, kwargs))

    def _let_pass(self) -> None:
        """Let the next calls go to the function: the more, the longer calls ended so."""
        self._passed = 0
        target = self._target() if self._target is not None else None
        if target is not None and stance() == "default" and not self.trials.has_won:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            count = min(self._pause, self.patience.calls_left)
            if target.forward(self.function, self.call, count):
                self._passed = count

    @unseen
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

    @unseen
    def _run_watched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The newest native entry, or `MISS` where no entry takes the call."""
        if self.watch.is_due(is_eager=False):
            self._look_again()
        newest = self.newest_native()
        return MISS if newest is None else self.watch.run(newest.callable, args, kwargs)

    def _look_again(self) -> None:
        """Go back to native calls, or measure both ways again."""
        self.trials.forget()
        if not self.watch.look_again():
            self.install_native()

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

    @unseen
    def failed_check(self, *args: Any, **kwargs: Any) -> Any:
        """A native entry's run-time check failed: run the call again as Python."""
        self.note_eager("JF-B020", "", self.root.start)
        try:
            return self.run_again(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    @unseen
    def run_again(self, *args: Any, **kwargs: Any) -> Any:
        """Run a call as Python that ran natively in vain."""
        if self.watch.note_lost(args, kwargs):
            self.trials.forget()
            self.install_native()
        return self.function(*args, **kwargs)

    @unseen
    def enter(self, point: PointState, state: tuple[Any, ...]) -> Any:
        """The user's value, an outcome for the driver, or `FAILED` where Python must run."""
        point.calls += 1
        for function in self._candidates(point, state):
            try:
                result = function(*state)
            except Unsupported as error:  # a device has no memory left, a kernel did not compile
                self.note_eager(error.code, error.detail, point.start)
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
        self.note_eager("JF-B020", "", point.start)

    # A miss

    @unseen
    def _miss(self, point: PointState, state: tuple[Any, ...]) -> Any:
        with compiler_lock:
            if point.runs_eagerly:
                return FAILED
            for variant in point.variants:
                result = variant.function(*state)  # another thread may have compiled it
                if result is not MISS:
                    return result
            made = self._maker.make(point, state)
        if made is None:
            skip = None if point.runs_eagerly else point.skip
            return FAILED if skip is None else skip.outcome(state)
        if made.native is not None:
            return self._call_native(made, state)
        try:
            result = made.function(*state)
        except Unsupported as error:
            self.note_eager(error.code, error.detail, point.start)
            return FAILED
        return FAILED if result is MISS else result

    @unseen
    def _call_native(self, variant: Variant, state: tuple[Any, ...]) -> Any:
        code = self.function.__code__
        count = code.co_argcount
        names = code.co_varnames[count : count + code.co_kwonlyargcount]
        return variant.native.callable(
            *state[:count], **dict(zip(names, state[count:], strict=True))
        )

    def go_eager(
        self, point: PointState, code: str, detail: str, location: Location | None
    ) -> None:
        """Leave `point` to Python."""
        point.runs_eagerly = True
        self.note_eager(code, detail, location or point.start)

    def _eager_is_faster(self, trial: Trial) -> None:
        compiled, eager = (min(times, default=0.0) * 1e6 for times in trial.times.values())
        detail = f"{compiled:.1f} us compiled, {eager:.1f} us eager"
        if not eager:
            detail = f"{trial.compilations} calls had to be compiled"
        self.note_eager("JF-B021", detail, self.root.start)

    def note_eager(self, code: str, detail: str, location: Location) -> None:
        events.emit(events.RanEagerly(self.key, code, detail, location))

    def install_into(self, target: weakref.ref[Compiled]) -> None:
        """Give the newest native entry to this object whenever there is a new one."""
        self._target = target

    def install_native(self) -> None:
        target = self._target() if self._target is not None else None
        newest = None if self.watch.is_on else self.newest_native()
        if target is None:
            return
        if newest is None:
            target.clear_native()
            is_known = self.root.variants or self.root.skip
            if is_known and config().native_entry and self.options.takes_devices:
                target.forward(self.call)
        else:
            target.set_native(newest.address, newest)


def _cuda_finder() -> devices.Finder:
    module: Any = importlib.import_module("jitflow.runtime.device.cuda")
    finder: devices.Finder = module.make_finder()
    return finder


devices.announce("cupy", _cuda_finder)
