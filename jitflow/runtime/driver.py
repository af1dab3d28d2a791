"""Runs broken frames: an instruction by Python, then the next compile point, until the end.

Owns what a dispatch may answer (`Outcome`), the static part of a break (`Site`) and the loop
(`run`, `drive`). Knows neither guards nor variants: `dispatch` is a parameter.

No Python recursion: a frame that breaks a million times is a million turns of one loop. While
Python runs an instruction the driver holds no reference to the frame's values, so reference counts
are those of eager Python; and its own entries are taken out of tracebacks.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import FrameType, TracebackType
from typing import Any, NoReturn

from jitflow.core.errors import JitflowError, Unsupported
from jitflow.tracer import continuation
from jitflow.tracer.continuation import Exit
from jitflow.tracer.trace import CompilePoint, FrameShape

State = tuple[Any, ...]
Namespaces = tuple[dict[str, Any], ...]


@dataclass(slots=True, eq=False)
class Returned:
    """The outermost frame is done: `value` is the call's result."""

    value: Any


@dataclass(slots=True, eq=False)
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


@dataclass(slots=True, eq=False)
class RunEagerly:
    """Python runs the innermost frame of `point` to its end; outer frames are dispatched again.

    With `rejoin`, only to the next backward jump where the frame's layout is known; the loop's
    header is dispatched. Not for a function's entry where it has free variables: call the function
    itself there.
    """

    point: CompilePoint
    state: State
    rejoin: bool = False


Outcome = Returned | Broke | RunEagerly
Dispatch = Callable[[CompilePoint, State], Outcome]


class Site:
    """A compile point with its continuation functions, each made when it is first used.

    `make` gives one site, and so one `point`, for one place: points that the driver hands to
    `dispatch` may be compared by identity.
    """

    def __init__(self, point: CompilePoint) -> None:
        self.point = point
        self.frames, self.globals = point.frames, point.globals
        self._following: dict[Exit, Site] = {}

    @staticmethod
    def make(frames: tuple[FrameShape, ...], namespaces: Namespaces) -> Site:
        """The site of `frames`, outermost first, with their globals."""
        key = (
            tuple((id(f.code), f.offset, f.bound, f.stack, f.resume) for f in frames),
            tuple(map(id, namespaces)),
        )
        site = _sites.get(key)
        if site is None:
            site = _sites[key] = Site(CompilePoint(frames, namespaces))
            vars(site.point)["site"] = site
        return site

    @staticmethod
    def of(point: CompilePoint) -> Site:
        """The site of `point`, kept in the point's own dictionary."""
        site: Site | None = vars(point).get("site")
        if site is None:
            site = vars(point)["site"] = Site(point)
        return site

    @cached_property
    def step(self) -> Callable[[State], Any]:
        """Runs one instruction of the innermost frame: gives ``(Exit, state)`` or its result."""
        try:
            return continuation.step(self.frames[-1]).function(self.globals[-1])
        except Unsupported:
            return self.resume

    @cached_property
    def resume(self) -> Callable[[State], Any]:
        """Runs the innermost frame to its end."""
        return continuation.resume(self.frames[-1]).function(self.globals[-1])

    @cached_property
    def resume_to_loop(self) -> Callable[[State], Any]:
        """Like `resume`; gives ``(Exit, state)`` at a backward jump."""
        return continuation.resume(self.frames[-1], rejoin=True).function(self.globals[-1])

    @cached_property
    def throw(self) -> Callable[[State], Any]:
        """Raises the state's last item in the innermost frame, at the call that it waits in."""
        return continuation.throw(self.frames[-1], in_call=True).function(self.globals[-1])

    @cached_property
    def interrupt(self) -> Callable[[State], Any]:
        """Raises the state's last item in the innermost frame, at its next instruction."""
        return continuation.throw(self.frames[-1], in_call=False).function(self.globals[-1])

    @cached_property
    def caller(self) -> Site:
        """The site without the innermost frame, which waits for its result."""
        return Site.make(self.frames[:-1], self.globals[:-1])

    @cached_property
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

    def split(self, state: State) -> list[State]:
        """The states of the frames of a point's flat state."""
        states, start = [], 0
        for frame in self.frames:
            end = start + len(frame.bound) + sum(frame.stack)
            states.append(state[start:end])
            start = end
        return states


_sites: weakref.WeakValueDictionary[Any, Site] = weakref.WeakValueDictionary()


def run(point: CompilePoint, state: State, dispatch: Dispatch) -> Any:
    """Run from `point` to the end of its outermost frame; return or raise what that frame does."""
    try:
        return _loop(dispatch(point, state), dispatch)
    except BaseException as error:
        hide_frames(error)
        raise


def drive(outcome: Outcome, dispatch: Dispatch) -> Any:
    """Like `run`, from what a dispatch has already answered."""
    try:
        return _loop(outcome, dispatch)
    except BaseException as error:
        hide_frames(error)
        raise


def hide_frames(error: BaseException) -> None:
    """Take jitflow's own leading entries out of the traceback; a bare ``raise`` must follow.

    CPython adds a frame's entry when an exception enters it and not when a handler passes the
    exception on, so a function that does this in its outermost handler leaves no trace.
    """
    entry: TracebackType | None = error.__traceback__
    while entry is not None and _is_ours(entry.tb_frame):
        entry = entry.tb_next
    error.__traceback__ = entry


def _is_ours(frame: FrameType) -> bool:
    module: object = frame.f_globals.get("__name__")
    if type(module) is str and module.startswith("jitflow.runtime"):
        return True
    return frame.f_code.co_filename.startswith("<jitflow ")


def _loop(outcome: Outcome, dispatch: Dispatch) -> Any:
    pending: Outcome | None = outcome
    del outcome
    site: Any = None
    state: State | None = None
    states: list[State] = []
    result: Any = None
    failures: list[BaseException] = []
    while True:
        try:
            while True:
                if pending is not None:
                    if type(pending) is Broke:
                        site, states, function = pending.site, pending.states, pending.site.step
                    elif type(pending) is Returned:
                        return pending.value
                    else:
                        site, states, function = _eagerly(pending)
                    pending = None
                    result = function(states.pop())
                if type(result) is tuple and result and type(result[0]) is Exit:
                    site = site.following(result[0])
                    state = _join(states, result[1]) if states else result[1]
                elif not states:
                    return result
                else:
                    state = _deliver(site, states, result)
                    site = site.returned
                result = None
                pending = dispatch(site.point, state)
                state = None
        except BaseException as error:
            failures.append(error)
        if state is not None:
            if isinstance(failures[0], JitflowError):
                _raise_again(failures)
            states, state = site.split(state), None
        pending = None
        site, result = _unwind(site, states, failures)


def _eagerly(outcome: Outcome) -> tuple[Site, list[State], Callable[[State], Any]]:
    assert isinstance(outcome, RunEagerly)
    site = Site.of(outcome.point)
    function = site.resume_to_loop if outcome.rejoin else site.resume
    return site, site.split(outcome.state), function


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


def _unwind(site: Site, states: list[State], failures: list[BaseException]) -> tuple[Site, Any]:
    """Raise the failure in the suspended frames, innermost first, until one handles it.

    Gives the site whose innermost frame handled it and that frame's result; raises where none
    does. The lists hold the only references, and lose them before Python code runs.
    """
    while True:
        hide_frames(failures[0])
        if not states:
            _raise_again(failures)
        if len(states) == len(site.frames):
            function = site.interrupt
        else:
            site = site.caller
            function = site.throw
        try:
            return site, function((*states.pop(), failures.pop()))
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
