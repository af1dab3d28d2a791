"""Whether calls that Python takes part in are faster compiled or eager: measured, not estimated.

A piece that is one native function needs no trial. Where Python runs between pieces, or call-outs
between segments, the way in and out may cost more than fusion wins. So the first calls of a
function are timed, compiled and eager in turns (eager is always right), for each class of argument
sizes; the faster way stays. A function that compiles anew in every call runs eagerly, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any, Literal

import numpy as np

from jitflow.runtime.tracebacks import unseen

Way = Literal["compiled", "eager"]
_SAMPLES = 3  # of each way, before the verdict
_CLEAR = 1.5  # one sample of each is enough where one way is this much slower ...
_LONG: dict[Way, float] = {"eager": 2.5e-2, "compiled": 5e-2}
"""... and loses this many seconds: more than an interruption, twice that for eager to win."""
_MARGIN = 0.97  # eager must be this much faster
_COMPILATIONS = 8  # calls that compiled something, before the function is left to Python
_MANY = 4  # pieces that one call compiled, from which on the next one is run as Python
_CLASSES = 64  # of sizes, before all count as one
_all_compilations = [0]  # of all functions of the process


class Trial:
    """The times of calls with arguments of one class of sizes."""

    __slots__ = ("compilations", "times", "verdict", "wants_eager")

    def __init__(self) -> None:
        self.times: dict[Way, list[float]] = {"compiled": [], "eager": []}
        self.compilations = 0
        self.wants_eager = False
        self.verdict: Way | None = None

    def next_way(self) -> Way:
        """What to measure next."""
        if self.wants_eager:
            return "eager"
        return "compiled" if len(self.times["compiled"]) <= len(self.times["eager"]) else "eager"

    def note_compilation(self, pieces: int) -> None:
        """A call compiled so many pieces: its time says nothing.

        Before as many are made again, it is good to know what there is to win.
        """
        self.compilations += 1
        self.wants_eager = pieces >= _MANY and not self.times["eager"]
        if self.compilations >= _COMPILATIONS:
            self.verdict = "eager"

    def reopen(self) -> None:
        """The compiled way has changed: what it took before says nothing any more."""
        if self.verdict == "compiled":
            self.verdict = None
            self.times["compiled"].clear()

    def note(self, way: Way, seconds: float) -> None:
        """A call took `seconds`."""
        self.times[way].append(seconds)
        compiled, eager = (min(times, default=0.0) for times in self.times.values())
        counts = [len(times) for times in self.times.values()]
        is_clear = _is_clear(eager, compiled, "eager") or _is_clear(compiled, eager, "compiled")
        if min(counts) >= (1 if is_clear else _SAMPLES):
            self.verdict = "eager" if eager < _MARGIN * compiled else "compiled"


def _is_clear(slower: float, faster: float, slower_way: Way) -> bool:
    return slower > _CLEAR * faster and slower - faster > _LONG[slower_way]


class Trials:
    """The trials of one function.

    Parameters
    ----------
    on_eager : callable
        Called with the trial when eager turns out to be faster.

    Attributes
    ----------
    compilations : int
        How often the function was traced so far.
    eager_classes : set
        The classes of sizes of which that is known.
    """

    def __init__(self, on_eager: Callable[[Trial], None]) -> None:
        self._on_eager = on_eager
        self._trials: dict[Any, Trial] = {}
        self._sample: tuple[int, Way] | None = None
        self.compilations = 0
        self.eager_classes: set[tuple[Any, ...]] = set()

    def begin_compilation(self) -> None:
        """The function is traced: calls that are being measured, of it and around it, are not."""
        self.compilations += 1
        _all_compilations[0] += 1

    @property
    def longest_eager(self) -> float:
        """Seconds of the longest call that ran as Python; infinite where none did."""
        times = [seconds for trial in self._trials.values() for seconds in trial.times["eager"]]
        return max(times, default=math.inf)

    def reopen(self) -> None:
        """Measure the compiled way again: other pieces are run than before."""
        for trial in self._trials.values():
            trial.reopen()

    @property
    def has_won(self) -> bool:
        """Whether calls of some class of sizes are better off compiled."""
        return any(trial.verdict == "compiled" for trial in self._trials.values())

    def forget(self) -> None:
        """Measure both ways again."""
        self._trials.clear()
        self.eager_classes.clear()

    def way(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Way, Trial | None]:
        """How to run a call with these arguments; with a trial, it is to be measured.

        Calls that the function makes of itself while it is measured go the same way.
        """
        key = size_class((*args, *kwargs.values()))
        trial = self._trials.get(key)
        if trial is None:
            if len(self._trials) >= _CLASSES:
                key = ()
            trial = self._trials.setdefault(key, Trial())
        if self._sample is not None:
            thread, way = self._sample
            return way if thread == get_ident() else "compiled", None
        if trial.verdict is not None:
            return trial.verdict, None
        return trial.next_way(), trial

    @unseen
    def measure(self, trial: Trial, way: Way, run: Callable[[], Any]) -> Any:
        """Run a call and note its time, unless it raises."""
        compilations, all_compilations = self.compilations, _all_compilations[0]
        self._sample = get_ident(), way
        start, start_busy = time.perf_counter(), time.process_time()
        try:
            result = run()
        finally:
            busy = time.process_time() - start_busy
            # While others have the processor, or the function waits, it is neither way's time.
            seconds = min(time.perf_counter() - start, busy)
            self._sample = None
            trial.wants_eager = False
        if self.compilations != compilations:
            trial.note_compilation(self.compilations - compilations)
        elif _all_compilations[0] == all_compilations:  # no function that it calls was compiled
            trial.note(way, seconds)
        if trial.verdict == "eager":
            self.eager_classes |= {key for key, other in self._trials.items() if other is trial}
            self._on_eager(trial)
        return result


def size_class(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Alike for calls that do about as much work: sizes by their powers of two."""
    found = []
    for value in values:
        kind = type(value)
        if kind is np.ndarray:
            found.append(value.size.bit_length())
        elif kind is int:
            found.append(-value.bit_length())
        else:
            found.append(id(kind))  # a class may have no hash
    return tuple(found)
