"""Runs broken frames: an instruction by Python, then the next compile point, until the end.

Owns what a dispatch may answer (`Outcome`), the static part of a break (`Site`) and the loop
(`run`, `drive`). Knows neither guards nor variants: `dispatch` is a parameter.

No Python recursion: a frame that breaks a million times is a million turns of one loop. While
Python runs an instruction the driver holds no reference to the frame's values, so reference counts
are those of eager Python; and its own entries are taken out of tracebacks.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, NoReturn

from jitflow.core.dataclass import dataclass
from jitflow.core.errors import JitflowError, Unsupported
from jitflow.core.lazy import lazy_property
from jitflow.core.weak import WeakValues
from jitflow.runtime.tracebacks import hide_frames, unseen
from jitflow.tracer import continuation
from jitflow.tracer.continuation import Exit, call_before, looks_for_signals, place_of
from jitflow.tracer.trace import CompilePoint, FrameShape

State = tuple[Any, ...]
Namespaces = tuple[dict[str, Any], ...]


@dataclass(eq=False)
class Returned:
    """The outermost frame is done: `value` is the call's result."""

    value: Any


@dataclass(eq=False)
class Broke:
    """The piece ended before the instruction at the innermost frame's offset.

    Attributes
    ----------
    site : Site
        The static part, made once for each variant: ``Site.make(frames, globals)``.
    states : list of tuple
        For each frame, outermost first, its bound variables (the slots as they are) and then its
        operand-stack entries that are not NULL. The driver takes the list over and empties it.
    """

    site: Site
    states: list[State]


@dataclass(eq=False)
class Jump:
    """Execution goes on at the compile point of `site`, whose flat state is `state`."""

    site: Site
    state: State


@dataclass(eq=False)
class RunEagerly:
    """Python runs the innermost frame of `point` to its end; outer frames are dispatched again.

    With `rejoin`, only to the next backward jump where the frame's layout is known; the loop's
    header is dispatched, unless its offset is in `closed`. With `until`, also not beyond the
    instruction at that offset. A function's entry needs the function's own cells in its state.
    """

    point: CompilePoint
    state: State
    rejoin: bool = False
    until: int | None = None
    closed: frozenset[int] = frozenset()


Outcome = Returned | Broke | Jump | RunEagerly
Dispatch = Callable[[CompilePoint, State], Outcome]
UNFINISHED = frozenset({Broke, Jump, RunEagerly})
"""What a piece may give instead of the result of the call."""


class Site:
    """A compile point with its continuation functions, each made when it is first used.

    `make` gives one site, and so one `point`, for one place: points that the driver hands to
    `dispatch` may be compared by identity.
    """

    def __init__(self, point: CompilePoint) -> None:
        self.point = point
        self.frames, self.globals = point.frames, point.globals
        self._following: dict[Exit, Site] = {}
        self._until: dict[tuple[int | None, frozenset[int]], Callable[[State], Any]] = {}

    @staticmethod
    def make(frames: tuple[FrameShape, ...], namespaces: Namespaces) -> Site:
        """The site of `frames`, outermost first, with their globals."""
        key = (
            tuple((id(f.code), f.offset, f.bound, f.stack, f.resume) for f in frames),
            tuple(map(id, namespaces)),
        )
        site = _sites.get(key)
        if site is None:
            made = Site(CompilePoint(frames, namespaces))
            vars(made.point)["site"] = made
            site = _sites.add(key, made)
        return site

    @staticmethod
    def of(point: CompilePoint) -> Site:
        """The site of `point`, kept in the point's own dictionary."""
        site: Site | None = vars(point).get("site")
        if site is None:
            site = vars(point)["site"] = Site(point)
        return site

    @lazy_property
    def step(self) -> Callable[[State], Any]:
        """Runs one instruction of the innermost frame: gives ``(Exit, state)`` or its result."""
        try:
            return continuation.step(self.frames[-1]).function(self.globals[-1])
        except Unsupported:
            return self.resume

    @lazy_property
    def resume(self) -> Callable[[State], Any]:
        """Runs the innermost frame to its end."""
        return continuation.resume(self.frames[-1]).function(self.globals[-1])

    def run_until(self, stop: int | None, closed: frozenset[int]) -> Callable[[State], Any]:
        """Like `resume`; gives ``(Exit, state)`` at a backward jump that is not `closed`.

        And behind the instruction at byte `stop`.
        """
        function = self._until.get((stop, closed))
        if function is None:
            made = continuation.run_until(self.frames[-1], stop, closed)
            function = self._until[stop, closed] = made.function(self.globals[-1])
        return function

    @lazy_property
    def throw(self) -> Callable[[State], Any]:
        """Raises the state's last item in the innermost frame, at the call that it waits in."""
        return self.throw_at(call_before(self.frames[-1]))

    @lazy_property
    def caller(self) -> Site:
        """The site without the innermost frame, which waits for its result."""
        return Site.make(self.frames[:-1], self.globals[:-1])

    @lazy_property
    def returned(self) -> Site:
        """The site after the innermost frame gave its result to its caller."""
        *outer, shape = self.frames[:-1]
        pushed = (True,) if shape.resume == "push" else ()
        inner = FrameShape(shape.code, shape.offset, shape.bound, shape.stack + pushed)
        return Site.make((*outer, inner), self.globals[:-1])

    def following(self, exit: Exit) -> Site:
        """The site after the innermost frame's instruction left by `exit`."""
        site = self._following.get(exit)
        if site is None:
            frames = (*self.frames[:-1], exit.shape)
            site = self._following[exit] = Site.make(frames, self.globals)
        return site

    def throw_at(self, offset: int) -> Callable[[State], Any]:
        """Raises the state's last item in the innermost frame, at the instruction at `offset`."""
        return continuation.throw(self.frames[-1], offset).function(self.globals[-1])

    def signal_place(self, previous: Site | None) -> int | None:
        """Where eager Python would raise a signal's exception after what `previous` ran.

        Python looks for signals behind calls and backward jumps: not, for example, between the body
        of a ``with`` and the call of ``__exit__``. None where it does not look.
        """
        if previous is None:
            return None
        if len(previous.frames) > len(self.frames):
            return call_before(self.frames[-1])
        shape = previous.frames[-1]
        return shape.offset if looks_for_signals(shape) else None

    def take_over(self, error: BaseException) -> int:
        """Where what a piece raised is raised in the innermost frame.

        It may have an entry for this frame, with the line, in its traceback: that one is taken off,
        as the frame makes its own. Where no instruction of that line has the handlers of the place
        that the piece began at, it is this place.
        """
        shape, entry = self.frames[-1], error.__traceback__
        if entry is not None and _is_of(shape.code, entry.tb_frame.f_code):
            place = place_of(shape, entry.tb_lineno)
            if place is not None:
                error.__traceback__ = entry.tb_next
                return place
        return shape.offset

    def split(self, state: State) -> list[State]:
        """The states of the frames of a point's flat state."""
        states, start = [], 0
        for frame in self.frames:
            end = start + len(frame.bound) + sum(frame.stack)
            states.append(state[start:end])
            start = end
        return states


def _is_of(code: CodeType, other: CodeType) -> bool:
    """Whether `other`, made for a line, stands for `code`."""
    return other.co_filename == code.co_filename and other.co_name == code.co_qualname


_sites: WeakValues[Any, Site] = WeakValues()


@unseen
def run(point: CompilePoint, state: State, dispatch: Dispatch) -> Any:
    """Run from `point` to the end of its outermost frame; return or raise what that frame does."""
    try:
        return _loop(dispatch(point, state), dispatch)
    except BaseException as error:
        hide_frames(error)
        raise


@unseen
def drive(outcome: Outcome, dispatch: Dispatch) -> Any:
    """Like `run`, from what a dispatch has already answered."""
    try:
        return _loop(outcome, dispatch)
    except BaseException as error:
        hide_frames(error)
        raise


@unseen
def _loop(outcome: Outcome, dispatch: Dispatch) -> Any:
    pending: Outcome | None = outcome
    del outcome
    site: Any = None
    previous: Site | None = None  # what ran before `site`
    states: list[State] = []  # of the frames of `site` that are suspended
    inner: State | None = None  # of the innermost frame, when it is about to run
    result: Any = None
    state: State | None = None  # of all frames, while they are dispatched
    failures: list[BaseException] = []
    while True:
        try:
            while True:
                if pending is not None:
                    if type(pending) is Returned and not failures:
                        return pending.value
                    if type(pending) is Jump:
                        previous, site, state = None, pending.site, pending.state
                        pending = None
                        if failures:
                            raise failures.pop()
                        pending = dispatch(site.point, state)
                        state = None
                        continue
                    site, states, function = _start(pending)
                    inner = states[-1]
                    del states[-1]
                    pending = None
                    # The one reference to the state moves: no local may keep it, and list.pop is a
                    # call, behind which CPython looks for signals.
                    result = function((inner, inner := None)[0])
                if not (states or failures or _is_exit(result)):
                    return result
                following, state = _advance(site, states, result)
                previous, site, result = site, following, None
                if failures:
                    raise failures.pop()
                pending = dispatch(site.point, state)
                state = None
        except BaseException as error:
            failures.append(error)
        held: Any = _Held(site, previous, states, inner, state, result, pending)
        inner = state = result = pending = None
        site, states, result, pending = _recover((held, held := None)[0], failures)


def _start(outcome: Outcome) -> tuple[Site, list[State], Callable[[State], Any]]:
    """Site and states of an outcome, and what runs the innermost frame."""
    if type(outcome) is Broke:
        return outcome.site, outcome.states, outcome.site.step
    assert isinstance(outcome, RunEagerly)
    site = Site.of(outcome.point)
    function = site.resume
    if outcome.rejoin:
        function = site.run_until(outcome.until, outcome.closed)
    return site, site.split(outcome.state), function


def _is_exit(result: Any) -> bool:
    return type(result) is tuple and len(result) == 2 and type(result[0]) is Exit


def _advance(site: Site, states: list[State], result: Any) -> tuple[Site, State]:
    """The next site and its flat state: after an exit, or after a frame gave its result."""
    if type(result) is tuple and result and type(result[0]) is Exit:
        return site.following(result[0]), _join(states, result[1]) if states else result[1]
    return site.returned, _deliver(site, states, result)


def _join(states: list[State], inner: State) -> State:
    """The flat state of a compile point."""
    joined: list[Any] = []
    for state in states:
        joined += state
    joined += inner
    return tuple(joined)


def _deliver(site: Site, states: list[State], value: Any) -> State:
    """The flat state after the innermost frame of `site` gave `value` to its caller."""
    if site.frames[-2].resume == "push":
        return (*_join(states, ()), value)
    if value is not None:
        # Objects/typeobject.c, slot_tp_init
        raise TypeError(f"__init__() should return None, not '{type(value).__name__:.200}'")
    return _join(states, ())


@dataclass
class _Held:
    """What the loop held when something was raised; names as there."""

    site: Site
    previous: Site | None
    states: list[State]
    inner: State | None
    state: State | None
    result: Any
    pending: Outcome | None


@unseen
def _recover(
    held: _Held, failures: list[BaseException]
) -> tuple[Site, list[State], Any, Outcome | None]:
    """Site, states, result and outcome to go on with after a failure; raises where none handles it.

    A signal's exception (any that is no `Exception`) that comes between instructions is raised
    where eager Python would look for signals; until then it waits, and instructions are stepped.
    """
    del failures[1:]
    is_signal = not isinstance(failures[0], Exception)
    if is_signal and held.state is not None:
        failures[0].__traceback__ = None  # it came upon jitflow, not upon the user's code
    site, states = held.site, held.states
    if held.state is None and (held.pending is not None or held.inner is not None):
        if not is_signal or type(held.pending) is Returned:
            _raise_again(failures)
        waiting = held.pending or Broke(site, [*states, held.inner or ()])
        return site, [], None, waiting
    if held.state is None and _is_exit(held.result):
        held.previous = site
        site, held.state = _advance(site, states, held.result)
    if held.state is None:
        del held
        return *_unwind(site, states, failures), None
    if isinstance(failures[0], JitflowError):
        _raise_again(failures)
    states = site.split(held.state)
    hide_frames(failures[0])
    place = site.signal_place(held.previous) if is_signal else site.take_over(failures[0])
    if place is None:
        return site, [], None, Broke(site, states)
    del held
    return *_unwind(site, states, failures, place), None


@unseen
def _unwind(
    site: Site, states: list[State], failures: list[BaseException], place: int | None = None
) -> tuple[Site, list[State], Any]:
    """Raise the failure in the suspended frames, innermost first, until one handles it.

    With `place`, the innermost frame is suspended too and is at that offset. Gives the site whose
    innermost frame handled it, the states of its callers and that frame's result; raises where none
    does. The lists hold the only references, and lose them before Python code runs.
    """
    while True:
        hide_frames(failures[0])
        if not states:
            _raise_again(failures)
        if place is not None:
            function, place = site.throw_at(place), None
        else:
            site = site.caller
            function = site.throw
        try:
            return site, states, function((*states.pop(), failures.pop()))
        except BaseException as error:
            failures.append(error)


def _raise_again(failures: list[BaseException]) -> NoReturn:
    """Raise with the context that it has, whatever the caller of the driver is handling."""
    failure = failures.pop()
    context = failure.__context__
    try:
        raise failure
    finally:
        failure.__context__ = context
        del failure, context
