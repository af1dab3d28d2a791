"""The thread pool: same results, flags and failures as on one thread; forks; many callers."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import jitflow
from jitflow.codegen.cpu import threads
from jitflow.codegen.loop_ir import Loop
from jitflow.codegen.parallel import divided_loop
from jitflow.codegen.program import lower
from jitflow.core.config import config
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import segment_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no POSIX threads")

Part = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_long, ctypes.c_long)


def run_job(part, extent, work=10**9, multiple=1, count=3):
    signature = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_long] * 4
    )
    job = signature(threads.address())
    callback = Part(part)
    return job(ctypes.cast(callback, ctypes.c_void_p), None, extent, work, multiple, count)


def with_threads(function, *arguments, count):
    with config().override(threads=count, measure=False):
        compiled = jitflow.compile(function, fullgraph=True)
        return compiled(*arguments)


# The pool


@pytest.mark.parametrize("extent", [1, 7, 1000, 4097])
@pytest.mark.parametrize("multiple", [1, 64])
def test_parts_cover_the_range_once(extent, multiple):
    found = []

    def part(_, first, last):
        found.append((first, last))
        return 0

    assert run_job(part, extent, multiple=multiple) == 0
    found.sort()
    assert [first for first, _ in found] == [0, *(last for _, last in found[:-1])]
    assert found[-1][1] == extent
    assert all(first % multiple == 0 for first, _ in found)


def test_short_work_is_one_part_on_the_calling_thread():
    found = []

    def part(_, first, last):
        found.append((first, last, threading.get_ident()))
        return 0

    run_job(part, 100, work=threads.GRAIN)
    assert found == [(0, 100, threading.get_ident())]


def test_other_threads_take_part():
    seen = set()
    barrier = threading.Barrier(2)

    def part(_, first, last):
        seen.add(threading.get_native_id())
        if first < 200:  # two parts at once, or none goes on
            barrier.wait(timeout=60)
        return 0

    run_job(part, 1200, count=2)  # eight parts of 150
    assert len(seen) == 2


def test_a_failed_part_ends_the_job():
    found = []

    def part(_, first, last):
        found.append(first)
        return 1

    assert run_job(part, 10**6, count=2) == 1
    assert len(found) <= 2


def test_a_job_within_a_job_runs_where_it_is_called():
    found = []

    def inner(_, first, last):
        found.append((first, last))
        return 0

    def outer(_, first, last):
        return run_job(inner, 5)

    assert run_job(outer, 1, count=2) == 0
    assert found == [(0, 5)]


# Kernels


def rows(x, y):
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True) + y


def chain(x, y):
    return np.sin(x) * y + np.sqrt(np.abs(x))


def columns(x, y):
    return (x * y).sum(axis=0), x.mean(axis=0)


def outer_product(x, y):
    return x[:, 0, None] * y[0] + np.float64(2) * x[0]


def in_place(x, y):
    out = np.empty_like(x)
    np.multiply(x, y, out=out)
    out[1:-1, 1:-1] = 0.25 * (x[:-2, 1:-1] + x[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:])
    out += x
    return out


def sweeps(x, y):
    x, y = x.copy(), y.copy()
    for _ in range(3):
        y[1:-1, 1:-1] = 0.25 * (x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:])
        x[1:-1, 1:-1] = 0.25 * (y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:])
    return x, y


def gathered(x, y):
    return x[:, ::-1] + y[np.arange(x.shape[0])[::-1]]


PROGRAMS = [rows, chain, columns, outer_product, in_place, sweeps, gathered]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shape", [(613, 771), (700, 1024)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_the_number_of_threads(program, shape, dtype):
    rng = np.random.default_rng(7)
    x, y = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    one = with_threads(program, x, y, count=1)
    many = with_threads(program, x, y, count=3)
    for a, b in zip(np.atleast_1d(one), np.atleast_1d(many), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
    eager = program(x, y)
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    np.testing.assert_allclose(np.asarray(many), np.asarray(eager), tolerance, tolerance)


def test_flags_of_other_threads_are_seen():
    x = np.ones(1_000_000)
    x[-3] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        out = with_threads(lambda x: np.exp(1 / x), x, count=2)
    assert np.isinf(out[-3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_threads(lambda x: np.exp(1 / (x + 1)), x, count=2)


def test_a_failed_check_in_another_thread():
    x, index = np.arange(600_000.0), np.arange(600_000)
    index[-1] = 600_000
    for count in (1, 2):
        with pytest.raises(IndexError, match="index 600000 is out of bounds"):
            with_threads(lambda x, k: np.sin(x[k]) * 2, x, index, count=count)


def test_many_callers_at_once():
    x = np.random.default_rng(3).standard_normal((500, 1000))
    with config().override(threads=2, measure=False):
        compiled = jitflow.compile(chain)
        expected = compiled(x, x)
        wrong: list[int] = []

        def call(number):
            for _ in range(20):
                if not np.array_equal(compiled(x, x), expected):
                    wrong.append(number)

        callers = [threading.Thread(target=call, args=(k,)) for k in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_starts_threads_of_its_own():
    code = """
import os, sys, numpy as np, jitflow
from jitflow.core.config import config
x = np.random.default_rng(3).standard_normal(1_000_000)
with config().override(threads=3, measure=False):
    f = jitflow.compile(lambda x: np.sin(x) * 2)
    expected = f(x)
    child = os.fork()
    good = all(np.array_equal(f(x), expected) for _ in range(5))
    if child == 0:
        os._exit(0 if good and len(os.listdir("/proc/self/task")) >= 3 else 1)
    assert good and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    if sys.platform != "linux":
        code = code.replace('len(os.listdir("/proc/self/task")) >= 3', "True")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)


def test_the_setting(monkeypatch):
    target = threads.engine().target
    with config().override(threads=5):
        assert threads.limit(target) == 5
    with config().override(threads=0):
        assert threads.limit(target) == target.cores
    for value, count in (("3", 3), ("2,1", 2), ("", 0), ("no", 0), ("-1", 0)):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert type(config())().threads == count


# Which kernels


def loop_of(write) -> Loop | None:
    builder = Builder("f")
    a = builder.input("a", ArrayType(F64, (300, 200)))
    graph = builder.finish([write(builder, a)])
    program = lower(segment_of(graph, [np.ones((300, 200))])).program
    return divided_loop(program.kernels[0])


def test_rows_are_shared():
    loop = loop_of(lambda b, a: b.emit("sum", b.emit("exp", a), axes=(1,), keepdims=False))
    assert loop is not None
    assert loop.extent == 300


def test_elements_are_shared():
    loop = loop_of(lambda b, a: b.emit("exp", a))
    assert loop is not None
    assert loop.extent == 300 * 200


def test_a_sum_of_all_is_not_shared():
    assert (
        loop_of(lambda b, a: b.emit("sum", b.emit("exp", a), axes=(0, 1), keepdims=False)) is None
    )


def test_a_scan_down_the_columns_is_shared_across_them_or_not_at_all():
    loop = loop_of(lambda b, a: b.emit("cumsum", a, axis=0))
    assert loop is None or loop.extent == 200
