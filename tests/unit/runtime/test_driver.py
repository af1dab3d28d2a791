"""The driver loop: outcomes, flat stack and memory, exceptions and signals between instructions."""

import gc
import signal
import sys
import threading
import traceback
import tracemalloc
import weakref

import numpy as np
import pytest
import stepping

from jitflow.core.errors import GraphBreak
from jitflow.runtime import driver
from jitflow.runtime.driver import Broke, Returned, RunEagerly, Site
from jitflow.tracer.instructions import decode
from jitflow.tracer.trace import CompilePoint, FrameShape


def entry(function, *args):
    shape, state = stepping.bind(function, args, {})
    return CompilePoint((shape,), (function.__globals__,)), state


def offset_of(function, name, number=0):
    found = [i for i in decode(function.__code__) if i.name.startswith(name)]
    return found[number].offset


def test_returned_ends_the_call():
    point, state = entry(lambda: 1)
    assert driver.run(point, state, lambda point, state: Returned("value")) == "value"


def test_drive_starts_from_an_outcome():
    point, state = entry(lambda x: x + 1, 4)
    assert driver.drive(RunEagerly(point, state), stepping.always_break) == 5


def test_points_of_one_place_are_one_object():
    def loop(n):
        for i in range(n):
            i += 1
        return n

    seen = {}

    def dispatch(point, state):
        shape = point.frames[-1]
        seen.setdefault((shape.offset, shape.bound, shape.stack), set()).add(id(point))
        kept.append(point)
        return stepping.always_break(point, state)

    kept = []
    point, state = entry(loop, 5)
    driver.run(point, state, dispatch)
    assert all(len(points) == 1 for points in seen.values())


def test_state_is_variables_then_stack():
    def function(a, b):
        return [a, b, (c := a + b), abs(c)]

    states = {}

    def dispatch(point, state):
        states[point.frames[-1].offset] = (point.frames[-1], state)
        return stepping.always_break(point, state)

    driver.run(*entry(function, 1, 2), dispatch)
    shape, state = states[offset_of(function, "CALL")]
    assert shape.bound == ("a", "b", "c")
    assert state == (1, 2, 3, 1, 2, 3, abs, 3)
    assert shape.stack.count(False) == 1


def test_many_turns_keep_stack_and_memory_flat():
    def loop(n):
        deepest = 0
        for i in range(n):
            deepest = max(deepest, depth())
        return i, deepest

    def depth():
        frame, count = sys._getframe(), 0
        while frame is not None:
            frame, count = frame.f_back, count + 1
        return count

    function = stepping.stepped(loop)
    function(50)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        small = function(3)
        large = function(5000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert small[1] == large[1]
    assert grown < 50_000


def ring(turns):
    """Dispatch that breaks `turns` times at one call in a loop, as compiled pieces would."""

    def loop(a, sink):
        for _ in ():
            sink(a)

    code = loop.__code__
    call = offset_of(loop, "CALL")
    null_first = sys.version_info < (3, 13)
    stack = (True, False, True, True) if null_first else (True, True, False, True)
    site = Site.make((FrameShape(code, call, ("a", "sink", "_"), stack),), (globals(),))
    left = iter(range(turns))

    def dispatch(point, state):
        if next(left, None) is None:
            return Returned("done")
        return Broke(site, [(1, 2, 3, iter(()), abs, -1)])

    return dispatch


def test_hundred_thousand_breaks_in_one_loop():
    dispatch = ring(100_000)
    assert driver.drive(dispatch(None, None), dispatch) == "done"


def test_rejoins_at_the_loop_header_after_a_handled_exception():
    def loop(n):
        total = 0
        for i in range(n):
            try:
                total += int("x" * (i % 2) or "1")
            except ValueError as error:
                total += len(error.args)
        return total

    counts = {}

    def dispatch(point, state):
        shape = point.frames[-1]
        counts[shape.offset] = counts.get(shape.offset, 0) + 1
        return stepping.always_break(point, state)

    assert driver.run(*entry(loop, 10), dispatch) == loop(10)
    assert counts[offset_of(loop, "FOR_ITER")] == 11


@pytest.mark.parametrize("rejoin", [False, True])
def test_eager_run_with_and_without_rejoining(rejoin):
    def loops(n):
        while n > 2:
            n -= 1
        for _ in range(3):
            n += 1
        return n

    points = []

    def dispatch(point, state):
        points.append(point.frames[-1].offset)
        return RunEagerly(point, state, rejoin)

    assert driver.run(*entry(loops, 6), dispatch) == loops(6)
    assert len(points) == (1 + 3 + 3 if rejoin else 1)


def test_traceback_is_the_eager_one():
    def outer(x):
        return [inner(x)]

    def inner(x):
        return x / 0

    def text(function):
        try:
            function(1)
        except ZeroDivisionError as error:
            error.__traceback__ = error.__traceback__.tb_next
            return "".join(traceback.format_exception(error))

    for dispatch in (stepping.always_break, stepping.inlining, stepping.run_eagerly):
        assert text(stepping.stepped(outer, dispatch)) == text(outer)


def test_result_of_init_must_be_none():
    class Wrong:
        def __init__(self):
            return 1

    def make():
        return Wrong()

    eager = stepping.outcome_of(make)
    assert eager[0] == "raised TypeError"
    assert stepping.outcome_of(stepping.stepped(make, stepping.inlining)) == eager


def test_refused_resize_is_refused_no_more_often():
    def resize():
        x = np.zeros(3)
        x.resize(5)
        return x.shape

    assert stepping.stepped(resize)() == (5,)


def test_temporaries_die_between_instructions():
    class Thing:
        pass

    alive = []

    def function():
        reference = weakref.ref(Thing())
        alive.append(reference() is not None)

    stepping.stepped(function)()
    assert alive == [False]


def swallowing(log):
    try:
        log.append("try")
        log.append("more")
    except Exception:
        log.append("swallowed")
    finally:
        log.append("finally")


def failing_at(name, error):
    """Dispatch that raises at the second call."""

    def dispatch(point, state):
        shape = point.frames[-1]
        if shape.offset == offset_of(swallowing, name, 1):
            raise error
        return stepping.always_break(point, state)

    return dispatch


def test_graph_break_error_passes_the_users_handlers():
    log = []
    with pytest.raises(GraphBreak):
        driver.run(*entry(swallowing, log), failing_at("CALL", GraphBreak("JF-B004")))
    assert log == ["try"]


def test_other_errors_are_raised_in_the_frame():
    log = []
    driver.run(*entry(swallowing, log), failing_at("CALL", FloatingPointError("divide")))
    assert log == ["try", "swallowed", "finally"]


def test_interrupt_in_dispatch_runs_the_users_finally():
    log = []
    with pytest.raises(KeyboardInterrupt) as caught:
        driver.run(*entry(swallowing, log), failing_at("CALL", KeyboardInterrupt()))
    assert log == ["try", "more", "finally"]
    assert [entry.name for entry in traceback.extract_tb(caught.tb)][1:] == ["swallowing"]


def test_interrupt_in_dispatch_is_not_lost_at_the_end():
    def function(x):
        return x

    def dispatch(point, state):
        if point.frames[-1].offset:
            raise KeyboardInterrupt
        return stepping.always_break(point, state)

    with pytest.raises(KeyboardInterrupt):
        driver.run(*entry(function, 1), dispatch)


OUTER, BODY, INNER = threading.Lock(), threading.Lock(), threading.Lock()


def locking():
    def inner(n):
        with INNER:
            return sum(range(n))

    with OUTER:
        while True:
            with BODY:
                inner(3)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("dispatch", [stepping.always_break, stepping.inlining])
def test_signals_leave_no_lock_held(dispatch):
    def interrupt(number, frame):
        # Only in what is under test: an exception in a weak reference's callback is only printed.
        name = frame.f_globals["__name__"]
        if name.startswith(("jitflow.runtime", "stepping")) or frame.f_code.co_name == "locking":
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, 0.0001)

    function = stepping.stepped(locking, dispatch)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for turn in range(60):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.003 + 0.00007 * turn)
                function()
            assert not (OUTER.locked() or BODY.locked() or INNER.locked())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_recursion_error_is_the_users():
    def deep(n):
        return deep_again(n + 1)

    deep_again = stepping.stepped(deep)
    with pytest.raises(RecursionError):
        deep_again(0)
    assert stepping.stepped(lambda x: x + 1)(1) == 2


def test_threads_share_continuations():
    def work(n):
        total = 0
        for i in range(n):
            total += i
        return total

    function, results = stepping.stepped(work), []
    threads = [threading.Thread(target=lambda: results.append(function(200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [work(200)] * 4
