"""Makes the variants of a function: traces and links a piece, or says why Python runs it."""

from __future__ import annotations

import time
from collections import Counter
from types import CodeType
from typing import TYPE_CHECKING, Any

from jitflow.core import devices, events
from jitflow.core.collector import no_collection
from jitflow.core.config import config
from jitflow.core.errors import GraphBreak, RecompileError, Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.runtime import link
from jitflow.runtime.skipping import Skip
from jitflow.runtime.stance import stance
from jitflow.runtime.tree import make_tree
from jitflow.runtime.variant import PointState, Variant
from jitflow.runtime.worth import Spending
from jitflow.tracer.trace import (
    ANY_VALUE,
    BreakExit,
    EagerExit,
    ReturnExit,
    SplitExit,
    Trace,
)
from jitflow.tracer.tracer import trace

if TYPE_CHECKING:
    from jitflow.guards import explain
    from jitflow.runtime.dispatch import Dispatcher
    from jitflow.tracer import counters
else:
    explain = LazyModule("jitflow.guards.explain")
    counters = LazyModule("jitflow.tracer.counters")

_ENDS: dict[type, str] = {BreakExit: "break", ReturnExit: "return", SplitExit: "branch"}
_MOST_LENGTHS = 3
"""Variants that differ in the length of one list or tuple, behind a break."""
_MOST_VALUES = 4
"""Variants of one compile point from which on none is made for a single value of an integer."""
_COSTLY = 0.2
"""Seconds that the variants of a point inside a function took, from which on a value that differs
in a second call gets no variant of its own."""


class VariantMaker:
    """Compiles for one dispatcher, for at most `most_seconds` of processor time."""

    def __init__(self, dispatcher: Dispatcher, most_seconds: float) -> None:
        self._owner = dispatcher
        self._refused: set[type] = set()
        self._left_loops: dict[tuple[CodeType, int], str] = {}
        self._spending = Spending(most_seconds)

    def refuses(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether an argument is an array of a device that is not compiled for."""
        refused = self._refused
        return bool(refused) and any(type(v) in refused for v in (*args, *kwargs.values()))

    def make(self, point: PointState, state: tuple[Any, ...]) -> Variant | None:
        """Trace and link one more variant; None where Python should run instead."""
        made: Variant | None = None
        self._spending.begin(self._owner.trials.longest_eager)
        try:
            with no_collection():
                made = self._try(point, state)
            return made
        except (GraphBreak, RecompileError):
            raise
        except (RecursionError, MemoryError):
            return None  # the call may still succeed as ordinary Python
        except Exception as error:
            self._compiler_failed(point, error)
            return None
        finally:
            trace_made = None if made is None else made.trace
            if trace_made is None or trace_made.kind.is_host:
                self._spending.end(None if trace_made is None else trace_made.graph)

    def _try(self, point: PointState, state: tuple[Any, ...]) -> Variant | None:
        learnt = self._learn(point, state)
        reason = self._limit(point) if learnt else "a list that has another length each time"
        if reason:
            # Python stays in the loop that begins here, instead of looking in at each iteration.
            self._owner.patience.give_up([point])
            self._owner.go_eager(point, "JF-B018", reason, None)
            return None
        events.emit(events.FrameSeen(self._owner.key, point.label))
        self._owner.trials.begin_compilation()
        started = time.perf_counter()
        record = trace(
            point.point,
            state,
            name=self._owner.function.__qualname__,
            dynamic=frozenset(point.dynamic),
            left_loops=self._left_loops,
            budget=None if self._owner.options.fullgraph else self._spending,
        )
        self._left_loops.update(record.left_loops)
        point.dynamic |= record.dynamic
        traced = time.perf_counter()
        self._refuse_breaks(record)
        if self._is_left_to_python(point, state, record):
            return None
        variant, texts = link.link(record, len(state), self._owner.options, self._owner, point.pool)
        linked = time.perf_counter()
        point.seconds += linked - started
        self._publish(point, variant, texts, (traced - started, linked - traced))
        return variant

    def _limit(self, point: PointState) -> str:
        """Why no more variants are made; '' where one may be."""
        count = self._owner.trials.compilations
        if len(point.variants) >= 2 * config().max_variants:
            return "too many different calls"
        if point is not self._owner.root and point.changes_always:
            return "other kinds of values in almost every call"
        return self._spending.refusal(count)

    def _is_left_to_python(self, point: PointState, state: tuple[Any, ...], record: Trace) -> bool:
        exit = record.exit
        if self._is_of_another_device(point, state, record):
            return True
        if isinstance(exit, EagerExit):
            self._owner.go_eager(point, exit.code, exit.detail, exit.location)
            return True
        return self._skips(point, record)

    def _learn(self, point: PointState, state: tuple[Any, ...]) -> bool:
        """Find out why each variant missed; make the integers that changed symbolic.

        Gives whether one more variant may help: behind a break, a list that has another length each
        time (it grows) had one for each of the lengths.
        """
        reasons, resized = [], Counter[str]()
        is_inside = point is not self._owner.root and not self._owner.options.fullgraph
        has_many = len(point.variants) >= _MOST_VALUES
        if is_inside and not point.variants:
            for shape in point.point.frames:
                point.dynamic |= counters.counters(shape.code, shape.offset)
        for variant in point.variants:
            failure = explain.first_failure(variant.trace.guards, variant.trace.inputs, state)
            if failure is not None:
                reasons.append(failure.reason)
                resized[failure.resized] += bool(failure.resized)
                is_futile = is_inside and (has_many or point.seconds > _COSTLY)
                if is_futile and failure.text:
                    point.dynamic.add(failure.text)
                elif is_futile and failure.dynamic & point.dynamic:
                    point.dynamic.add(ANY_VALUE)  # a symbolic one that was fixed to its value
                point.dynamic |= failure.dynamic | failure.keyed
        if has_many and not self._owner.options.fullgraph:
            point.dynamic.add(ANY_VALUE)
        if len(point.variants) >= config().max_variants and not point.is_generic:
            point.is_generic = True
            point.dynamic.add("*")
        if reasons:
            if stance() == "fail_on_recompile":
                raise RecompileError(f"{point.label}: {'; '.join(reasons)}")
            events.emit(events.Recompiled(self._owner.key, point.label, tuple(reasons)))
        return point is self._owner.root or max(resized.values(), default=0) < _MOST_LENGTHS

    def _is_of_another_device(
        self, point: PointState, state: tuple[Any, ...], record: Trace
    ) -> bool:
        """Whether there are arrays of a device that is not compiled for.

        Calls with such arrays as arguments run eagerly from now on; others may be compiled.
        """
        exit, detail = record.exit, ""
        if isinstance(exit, EagerExit) and exit.code == "JF-B022":
            detail = exit.detail
        elif not (record.kind.is_host or self._owner.options.takes_devices):
            detail = f"arrays are on {record.kind}, backend={self._owner.options.backend!r}"
        known = {type(value) for value in state if _is_of_device(value)}
        if not (detail and known and point is self._owner.root):
            return False
        self._refused |= known
        self._owner.note_eager("JF-B022", detail, point.start)
        return True

    def _note_exit(self, record: Trace) -> None:
        exit = record.exit
        if isinstance(exit, BreakExit) and exit.count:
            events.emit(
                events.Broke(self._owner.key, exit.code, exit.detail, exit.location, exit.stack)
            )
        elif isinstance(exit, BreakExit):
            events.emit(events.LoopLeft(self._owner.key, exit.detail, exit.location))

    def _skips(self, point: PointState, record: Trace) -> bool:
        """Whether Python runs the piece, for there is nothing in it."""
        skip = point.skip
        if skip is None and not self._owner.options.fullgraph:
            skip = Skip.make(record, self._owner.function)
        if not (skip and skip.takes(record)):
            return False
        point.skip = skip
        if point is self._owner.root:
            self._owner.install_native()
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
                self._owner.key,
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
        if point is self._owner.root:
            self._owner.install_native()

    def _refuse_breaks(self, record: Trace) -> None:
        exit = record.exit
        refuses = self._owner.options.fullgraph or stance() == "fail_on_break"
        if refuses and isinstance(exit, BreakExit | EagerExit | SplitExit):
            raise GraphBreak(exit.code, exit.detail, exit.location)

    def _compiler_failed(self, point: PointState, error: Exception) -> None:
        code, detail = "JF-B001", f"{type(error).__name__}: {error}"
        if isinstance(error, Unsupported):
            code, detail = error.code, error.detail
        elif config().strict:
            raise error
        if self._owner.options.fullgraph:
            raise GraphBreak(code, detail, point.start) from error
        location = point.start
        events.emit(events.Broke(self._owner.key, code, detail, location))
        self._owner.go_eager(point, code, detail, location)


def _is_of_device(value: Any) -> bool:
    kind = devices.kind_of(value)
    return kind is not None and not kind.is_host
