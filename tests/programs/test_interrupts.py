"""Signals that come in the middle of native loops: handlers run soon, and leave nothing half done.

Every loop here would run for a minute if nobody looked.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
DELAY = 0.1
LIMIT = 20.0


class Stop(BaseException):
    """What the handlers here raise."""


@contextlib.contextmanager
def alarm(handler, interval=2.0):
    """A signal in a moment, and later ones: what a finaliser raises nobody sees."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, DELAY, interval)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stop(*_):
    raise Stop


def interrupted(compiled, *args):
    """Whether a call is left by the handler's exception, and soon."""
    started = time.perf_counter()
    with alarm(stop), pytest.raises(Stop):
        compiled(*args)
    return time.perf_counter() - started < LIMIT


def numbers(n):
    s = 0.5
    i = 0
    while i < n:
        s = s * 0.5 + i * 0.25
        i += 1
    return s


def counted(n):
    s = 1
    for i in range(n):
        s = (s * 3 + i) % 1000003
    return s


def nested(n, m):
    s = 1
    for i in range(n):
        for j in range(m):
            s = (s * 3 + i - j) % 1000003
    return s


def solver(x, tolerance):
    x, error = x * 1.5, 1.0
    while error > tolerance:
        y = np.sin(x) * 0.5 + x * 0.5
        error = np.abs(y).max()
        x = y
    return x


@pytest.mark.parametrize(
    ("function", "short", "long"),
    [
        (numbers, lambda k: (4000 + k,), (10**11,)),
        (counted, lambda k: (4000 + k,), (10**11,)),
        (nested, lambda k: (400 + k, 30), (10**9, 3)),
        (nested, lambda k: (4, 3000 + k), (3, 10**11)),
        (solver, lambda k: (np.arange(9.0), 0.5 - k / 10), (np.arange(9.0), -1.0)),
    ],
)
def test_a_long_loop_is_left(function, short, long):
    compiled = jitflow.compile(function)
    for k in range(3):
        np.testing.assert_allclose(compiled(*short(k)), function(*short(k)), rtol=1e-12)
    assert interrupted(compiled, *long)
    np.testing.assert_allclose(compiled(*short(3)), function(*short(3)), rtol=1e-12)
    assert control_nodes(compiled.report())


def test_what_a_loop_wrote_is_as_before():
    def sweep(a, n):
        for _ in range(n):
            a[1:-1] = 0.5 * (a[:-2] + a[2:])

    compiled = jitflow.compile(sweep)
    for size in (40, 4000):
        a = np.arange(float(size)) ** 2
        for _ in range(3):
            compiled(a.copy(), 5)
        b = a.copy()
        assert interrupted(compiled, b, 10**10)
        assert np.array_equal(a, b)


def test_a_handler_that_returns_lets_the_loop_go_on():
    compiled = jitflow.compile(counted)
    compiled(10), compiled(11)
    seen = []
    n = 10**6
    with alarm(lambda *_: seen.append(len(seen)), interval=DELAY):
        while len(seen) < 3:
            value = compiled(n)
            n *= 2
    assert value == compiled(n // 2)


def test_an_ordinary_exception_of_a_handler_leaves_too():
    def late(*_):
        raise TimeoutError("late")

    compiled = jitflow.compile(counted)
    compiled(10), compiled(11)
    with alarm(late), pytest.raises(TimeoutError, match="late"):
        compiled(10**11)


def test_a_handler_of_the_function_around_sees_it():
    inner = jitflow.compile(counted)
    inner(10), inner(11)

    def outer(n):
        try:
            inner(n)
        except Stop:
            return "stopped"
        return "done"

    with alarm(stop):
        assert outer(10**11) == "stopped"


def test_a_loop_behind_a_break_is_left():
    def mixed(x, n):
        y = np.sort(x)
        print(end="")
        s = 1
        for i in range(n):
            s = (s * 3 + i) % 1000003
        return y * s

    compiled = jitflow.compile(mixed)
    x = np.array([3.0, 1.0, 2.0])
    for n in (10, 11, 12):
        assert np.array_equal(compiled(x, n), mixed(x, n))
    assert interrupted(compiled, x, 10**11)


def test_other_threads_run_beside_a_loop():
    compiled = jitflow.compile(counted)
    compiled(10), compiled(11)
    turns = [0]
    ended = threading.Event()

    def count():
        while not ended.is_set():
            turns[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        assert interrupted(compiled, 10**11)
    finally:
        ended.set()
        thread.join()
    assert turns[0] > 3


def test_the_keyboard():
    program = """
        import os, signal, threading, time
        import jitflow

        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background

        def press():
            while True:
                time.sleep(0.3)
                os.kill(os.getpid(), signal.SIGINT)

        @jitflow.compile
        def counted(n):
            s = 1
            for i in range(n):
                s = (s * 3 + i) % 1000003
            return s

        counted(10), counted(11)
        try:
            threading.Thread(target=press, daemon=True).start()
            counted(10**11)
        except KeyboardInterrupt:
            os.write(1, b"interrupted")
            os._exit(0)
    """
    made = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "JITFLOW_TRACE_EVERYTHING": "1"},
        check=False,
    )
    assert (made.stdout, made.stderr) == ("interrupted", "")
