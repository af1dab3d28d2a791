"""Native entries: results, scratch memory, floating-point flags, failed checks, threads."""

import ctypes
import threading
import time

import numpy as np
import pytest
from helpers.native_samples import (
    F32,
    F64,
    MULTIPLY_ADD,
    S0,
    array,
    body,
    fact,
    leaks,
    multiply_add,
    number,
    segment,
    slow,
    vectors,
)

from jitflow.codegen.cpu.entry_inputs import LLVM_TYPES
from jitflow.codegen.cpu.entry_spec import (
    DIVIDE,
    INVALID,
    OVERFLOW,
    UNDERFLOW,
    EntrySpec,
    Existing,
    Known,
    Output,
    Parameters,
    TupleOf,
)
from jitflow.core.dtypes import I64, from_numpy
from jitflow.core.errors import Unsupported
from jitflow.guards.sources import AttributeSource, StateSource
from jitflow.runtime.native import link

NOTHING = "define i32 @body(ptr %arena) {\n  ret i32 0\n}"


def entry_of(facts, outputs, result, code, **changes):
    changes.setdefault("fallback", slow)
    spec = EntrySpec("sample", Parameters(len(facts)), facts, result, **changes)
    return link(spec, segment(facts, outputs), code).callable


# Boxes


def boxed(value, box):
    """An entry whose output is `value` boxed as `box`."""
    stored = np.asarray(value)
    dtype = from_numpy(stored.dtype)
    bytes_of = stored.tobytes()
    stores = "\n".join(
        f"  %p{k} = getelementptr i8, ptr %out, i64 {k}\n  store i8 {byte}, ptr %p{k}"
        for k, byte in enumerate(bytes_of)
    )
    text = f"define i32 @body(ptr %out, ptr %arena) {{\n{stores}\n  ret i32 0\n}}"
    return entry_of((), (array((), dtype),), Output(0, box), body(text))


@pytest.mark.parametrize(
    "value",
    [0.5, float("-inf"), -3, 2**62, True, False, 1 - 2j],
)
def test_python_numbers(value):
    made = boxed(value, type(value).__name__)()
    assert type(made) is type(value)
    assert made == value


@pytest.mark.parametrize("code", "?bBhHiIlLefdFD")
def test_numpy_scalars_and_arrays_of_rank_0(code):
    value = np.dtype(code).type(3)
    scalar = boxed(value, "scalar")
    assert type(scalar()) is type(value)
    assert scalar() == value
    made = boxed(value, "array")()
    assert type(made) is np.ndarray
    assert made.shape == ()
    assert made.dtype == value.dtype
    assert made == value


def test_small_numbers_widen():
    assert type(boxed(np.float32(1.5), "float")()) is float
    assert boxed(np.int8(-5), "int")() == -5
    assert boxed(np.uint8(250), "int")() == 250
    assert boxed(np.uint64(2**64 - 1), "int")() == 2**64 - 1
    assert boxed(np.complex64(1 + 2j), "complex")() == 1 + 2j


def test_a_box_that_does_not_fit_is_refused():
    with pytest.raises(Unsupported):
        boxed(1.5, "int")
    with pytest.raises(Unsupported):
        boxed(1, "complex")


# Result trees


def test_nested_tuples_share_what_is_named_twice():
    array_out, total = Output(0), Output(1, "float")
    tree = TupleOf(
        (array_out, TupleOf((total, Known(None), Existing(StateSource(0, "x")))), array_out, total)
    )
    text = """
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %total, ptr %arena) {
  store double 2.5, ptr %total
  ret i32 0
}"""
    entry = entry_of((fact(0),), (array(), array((), F64)), tree, body(text))
    x = vectors()[0]
    first, (number_out, nothing, same), again, number_again = entry(x)
    assert first is again
    assert first.shape == (10,)
    assert number_out is number_again
    assert number_out == 2.5
    assert nothing is None
    assert same is x
    assert not leaks([x, None, np.dtype("f4"), np.ndarray], lambda: entry(x))


def test_an_empty_tuple():
    assert entry_of((), (), TupleOf(()), body(NOTHING))() == ()


def test_an_attribute_may_be_the_result():
    class Thing:
        pass

    thing = Thing()
    thing.value = value = [1]
    source = AttributeSource(StateSource(0, "x"), "value")
    spec = EntrySpec("a", Parameters(1), (), Existing(source), fallback=slow)
    entry = link(spec, segment((), ()), body(NOTHING)).callable
    assert entry(thing) is value
    assert entry(3) == ("slow", (3,), {})
    assert not leaks([value, thing], lambda: (entry(thing), entry(3)))


# Shapes and orders of outputs


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_memory_order_of_results(order, n):
    text = "define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {\n  ret i32 0\n}"
    entry = entry_of((fact(0),), (array((2, S0, 3), F32, order),), Output(0), body(text))
    made = entry(np.zeros(n, "f4"))
    expected = np.empty([(2, n, 3)[axis] for axis in order], "f4").transpose(np.argsort(order))
    assert made.shape == (2, n, 3)
    assert made.strides == expected.strides or n == 0
    assert made.flags.c_contiguous == expected.flags.c_contiguous
    assert made.flags.f_contiguous == expected.flags.f_contiguous
    assert made.flags.owndata
    assert made.flags.writeable
    made[...] = 1


def test_polynomial_shapes():
    text = "define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {\n  ret i32 0\n}"
    shape = (2 * S0 * S0 - 1, S0 - 3)
    entry = entry_of((fact(0),), (array(shape),), Output(0), body(text))
    assert entry(np.zeros(5, "f4")).shape == (49, 2)
    assert entry(np.zeros(2, "f4"))[0] == "slow"


def test_a_shape_may_be_an_argument():
    facts = (number(0, int),)
    from jitflow.core.dims import symbol

    text = "define i32 @body(i64 %x, i64 %n, ptr %out, ptr %arena) {\n  ret i32 0\n}"
    entry = entry_of(facts, (array((symbol("n0"),)),), Output(0), body(text))
    assert entry(7).shape == (7,)
    with pytest.raises(Unsupported):
        entry_of(facts, (array((symbol("other"),)),), Output(0), body(text))


def test_too_much_memory_is_an_error_that_leaks_nothing():
    text = "define i32 @body(ptr %x, i64 %n, ptr %a, ptr %b, ptr %arena) {\n  ret i32 0\n}"
    outputs = (array((S0,)), array((S0 * 10**14,)))
    entry = entry_of((fact(0),), outputs, TupleOf((Output(0), Output(1))), body(text))
    x = vectors()[0]

    def run():
        with pytest.raises(MemoryError):
            entry(x)

    run()
    assert not leaks([x, x.dtype], run, 20)


# Scratch memory

FILL = """
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {
entry:
  %address = ptrtoint ptr %arena to i64
  %low = and i64 %address, 63
  store i64 %low, ptr %out
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %more = icmp ult i64 %i, $BYTES
  br i1 %more, label %loop, label %done
loop:
  %p = getelementptr i8, ptr %arena, i64 %i
  store i8 1, ptr %p
  %next = add i64 %i, 1
  br label %head
done:
  ret i32 0
}
"""


@pytest.mark.parametrize("size", [64, 8192, 100_000])
def test_static_scratch_memory_is_aligned(size):
    text = FILL.replace("$BYTES", str(size))
    entry = entry_of((fact(0),), (array((), I64),), Output(0, "int"), body(text, arena=size))
    assert [entry(vectors()[0]) for _ in range(10)] == [0] * 10


def test_scratch_memory_grows_and_is_shared():
    text = FILL.replace("$BYTES", "%n")
    entry = entry_of((fact(0),), (array((), I64),), Output(0, "int"), body(text, arena=S0))
    for n in (1, 100, 10, 10**6, 5, 10**5):
        assert entry(np.zeros(n, "f4")) == 0


# Checks that fail at run time

CHECK = """
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {
  %v = load float, ptr %x
  %bad = fcmp olt float %v, 0.0
  %r = zext i1 %bad to i32
  store float %v, ptr %out
  ret i32 %r
}
"""


def test_a_failed_check_calls_python():
    def failed(*args, **kwargs):
        return "failed", args, kwargs

    spec = {"on_failed_check": failed}
    entry = entry_of((fact(0),), (array(),), Output(0), body(CHECK, arena=10**5), **spec)
    good, bad = np.ones(3, "f4"), -np.ones(3, "f4")
    assert entry(good)[0] == 1
    assert entry(bad) == ("failed", (bad,), {})
    assert not leaks([good, bad, good.dtype], lambda: (entry(good), entry(bad)))


def test_a_failed_check_takes_the_fallback_if_nothing_else_is_said():
    entry = entry_of((fact(0),), (array(),), Output(0), body(CHECK))
    assert entry(-np.ones(3, "f4"))[0] == "slow"
    entry = entry_of((fact(0),), (array(),), Output(0), body(CHECK), on_failed_check=Known(7))
    assert entry(-np.ones(3, "f4")) == 7


# Floating-point flags


def flagged(flags=DIVIDE | OVERFLOW | INVALID, on_flags=None):
    text = """
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {
  %p = getelementptr float, ptr %x, i64 1
  %a = load float, ptr %x
  %b = load float, ptr %p
  %c = fdiv float %a, %b
  store float %c, ptr %out
  ret i32 0
}
"""

    def seen(found, result, *args, **kwargs):
        return found, result.tolist(), args, kwargs

    how = {"on_flags": on_flags or seen, "flags": flags}
    return entry_of((fact(0),), (array((1,)),), Output(0), body(text), **how)


QUOTIENTS = {
    (1, 0): DIVIDE,
    (0, 0): INVALID,
    (1e30, 1e-30): OVERFLOW,
    (1e-30, 1e30): UNDERFLOW,
    (1, 3): 0,
}


@pytest.mark.parametrize(("pair", "flag"), QUOTIENTS.items())
def test_flags_go_to_python(pair, flag):
    x = np.array(pair, "f4")
    with np.errstate(all="ignore"):
        quotient = (x[:1] / x[1:]).tolist()
    usual, every = flagged()(x), flagged(DIVIDE | OVERFLOW | UNDERFLOW | INVALID)(x)
    if flag:
        assert every[0] == flag
        assert every[2] == (x,)
    if flag and flag != UNDERFLOW:
        assert usual[0] == flag
        assert usual[1] == quotient or np.isnan(quotient[0])
    else:
        assert usual.tolist() == quotient


def test_flags_of_before_do_not_count():
    entry = flagged()
    bad, good = np.array([1, 0], "f4"), np.array([1, 2], "f4")
    for _ in range(3):
        assert entry(bad)[0] == DIVIDE
        assert entry(good).tolist() == [0.5]


def test_what_on_flags_does_is_the_result():
    def refuse(flags, result, *args):
        raise FloatingPointError("divide by zero")

    entry, x = flagged(on_flags=refuse), np.array([1, 0], "f4")

    def run():
        with pytest.raises(FloatingPointError, match="divide by zero"):
            entry(x)

    run()
    assert not leaks([x, x.dtype], run)
    quiet = flagged(on_flags=lambda flags, result, *args: result)
    assert quiet(x).tolist() == [np.inf]
    assert not leaks([x, x.dtype], lambda: quiet(x))


def test_keywords_reach_on_flags():
    text = "define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {\n" + "\n".join(
        [
            "  %a = load float, ptr %x",
            "  %b = fdiv float 1.0, %a",
            "  store float %b, ptr %out",
            "  ret i32 0\n}",
        ]
    )
    facts = (fact(0),)
    spec = EntrySpec(
        "k",
        Parameters.of(lambda x: None),
        facts,
        Output(0),
        fallback=slow,
        on_flags=lambda flags, result, *args, **kwargs: (flags, args, kwargs),
    )
    entry = link(spec, segment(facts, (array((1,)),)), body(text)).callable
    x = np.zeros(1, "f4")
    assert entry(x=x) == (DIVIDE, (), {"x": x})


# The GIL and threads


def sleeping(work):
    text = """
declare i32 @usleep(i32)
define i32 @body(ptr %x, i64 %n, ptr %arena) {
  %r = call i32 @usleep(i32 200000)
  ret i32 0
}
"""
    usleep = ctypes.cast(ctypes.CDLL(None).usleep, ctypes.c_void_p).value
    return entry_of((fact(0),), (), Known(None), body(text, work=work, usleep=usleep))


@pytest.mark.parametrize(
    ("work", "is_released"), [(10**6, True), (S0 * 10**5, True), (10, False), (S0, False)]
)
def test_long_work_runs_without_the_gil(work, is_released):
    entry, x = sleeping(work), vectors()[0]
    gaps, done = [], threading.Event()

    def watch():
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(0.02)
    entry(x)
    done.set()
    watcher.join()
    assert (max(gaps) < 0.15) is is_released


def test_many_threads_call_at_once():
    entry = multiply_add(body=body(MULTIPLY_ADD, arena=S0 * 4, work=10**6)).callable
    wrong, start = [], threading.Barrier(8)

    def call(seed):
        a, b, c = (np.random.default_rng(seed + k).random(500, "f4") for k in range(3))
        expected = a * b + c
        start.wait()
        for _ in range(300):
            if not np.array_equal(entry(a, b, c), expected):
                wrong.append(seed)

    threads = [threading.Thread(target=call, args=(10 * k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_do_not_share_scratch_memory():
    text = """
declare i32 @usleep(i32)
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {
  %v = load float, ptr %x
  store float %v, ptr %arena
  %r = call i32 @usleep(i32 20000)
  %w = load float, ptr %arena
  store float %w, ptr %out
  ret i32 0
}
"""
    usleep = ctypes.cast(ctypes.CDLL(None).usleep, ctypes.c_void_p).value
    code = body(text, arena=10**5, work=10**6, usleep=usleep)
    entry = entry_of((fact(0),), (array((), F32),), Output(0, "float"), code)
    found = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: entry(np.full(1, k, "f4"))}))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}


def test_a_function_outlives_everything_it_was_made_from():
    entry = multiply_add().callable
    assert entry.__name__ == "sample"
    a, b, c = vectors()
    assert np.array_equal(entry(a, b, c), a * b + c)
    assert LLVM_TYPES["f32"] == "float"
    assert not leaks([a, b, c, a.dtype, slow], lambda: (entry(a, b, c), entry(a)), 1000)
