"""Warnings and `numpy.errstate`: compiled programs say what eager ones say, where they say it."""

import copy
import io
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest

import jitflow

X = np.array([0.0, 1.0, -1.0, 1e308])


def heard(function, args, action="always"):
    """Result or exception, warnings with their places, printed text, arguments afterwards."""
    args, text = copy.deepcopy(args), io.StringIO()
    globals().pop("__warningregistry__", None)
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(text):
        warnings.simplefilter(action)
        try:
            result = function(*args)
        except Exception as error:
            result = type(error), str(error)
    said = [(w.category, str(w.message), w.filename, w.lineno) for w in caught]
    return said, text.getvalue(), repr(result), repr(args)


def dead(x):
    np.log(x)
    return x + 1


def half_dead(x):
    return np.log(x)[1:2], (1 / x)[1:3].sum()


def overwritten(x):
    x[0] = np.log(x[0])
    x[0] = 1
    return x


def in_place(x):
    x *= 10
    x /= 0
    return x


def one_in_place(x):
    x *= 10


def statistics(x):
    return np.mean(x * 100), np.std(x), x.var(), np.average(x, weights=np.abs(x * 1e300))


def scalars(x):
    a, b = x[0], x[1]
    return b / a, a / a, np.float64(3) / a, divmod(b, 1.0), float(np.log(a))


def products(x):
    return np.dot(x, x), x @ x, np.outer(x, x), np.linalg.norm(x * 1e200)


def folds(x):
    y = np.abs(x) + 1e308
    return np.sum(y), np.cumsum(y), np.add.reduce(y), np.prod(y), np.nansum(y)


def casts(x):
    whole = np.zeros(4, int)
    whole[...] = x * np.nan
    whole[:2] = x[:2] * 10
    return (x * 10).astype(np.int32), x.astype(np.float32), whole


def remainders(x):
    return x % 0.0, x // 0.0, np.divmod(x, 0.0), divmod(x, 0.0), np.fmod(x, 0)


def powers(x):
    return x**3, x**2, np.power(x, -1), x**-1.0, x**0.5, np.exp(x), np.arcsin(x * 5)


def outputs(x):
    out = np.empty(4)
    np.divide(x, 0, out=out)
    np.log(x, out=out, where=x >= 0)
    return out


def arms(x):
    return np.where(x > 0, np.log(x), 0)


def complex_parts(x):
    z = x * 1j
    real = z.astype(float)
    x[...] = z
    return real, x, z * z, z / 0, np.exp(z)


def helper(y):
    return np.sqrt(y)


def two_callers(x):
    return helper(x) + helper(x * 2)


def drawn(x):
    generator = np.random.default_rng(0)
    first = generator.normal(size=4) / x
    return first, np.log(x), generator.random()


def own_state(x):
    with np.errstate(divide="ignore"):
        a = 1 / x
    return a + np.log(x)


def constants(x):
    x -= x
    return x / x, np.float32(1) * np.ones(2, np.float32) * 1e300


def integers(x):
    whole = np.arange(4)
    whole // (whole - whole)
    return x, whole % whole


def effects(x):
    seen = []
    seen.append(1)
    y = x * 2
    seen.append(np.log(y))
    x[1] = 5
    return seen


PROGRAMS = [
    dead, half_dead, overwritten, in_place, one_in_place, statistics, scalars, products, folds,
    casts, remainders, powers, outputs, arms, complex_parts, two_callers, drawn, own_state,
    constants, integers, effects,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_warnings_are_those_of_eager_numpy(program, backend):
    compiled = jitflow.compile(program, backend=backend)
    expected = heard(program, (X,))
    assert expected[0]
    assert heard(compiled, (X,)) == expected
    assert heard(compiled, (X,)) == expected
    assert heard(compiled, (X + 2,))[0] == heard(program, (X + 2,))[0]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_exceptions_leave_what_eager_numpy_leaves(program, backend):
    compiled = jitflow.compile(program, backend=backend)
    for _ in range(2):
        with np.errstate(all="raise"):
            assert heard(compiled, (X,)) == heard(program, (X,))
        assert heard(compiled, (X,), "error") == heard(program, (X,), "error")


@pytest.mark.parametrize("mode", ["ignore", "print", "call", "log"])
def test_every_mode_of_errstate(mode, backend):
    class Handler:
        def __init__(self):
            self.said = []

        def __call__(self, error, flag):
            self.said.append((error, flag))

        def write(self, text):
            self.said.append(text)

    compiled = jitflow.compile(in_place, backend=backend)
    said = []
    for function in (in_place, compiled):
        handler = Handler()
        with np.errstate(all=mode, call=handler):
            said.append((heard(function, (X,)), handler.said))
    assert said[0] == said[1]


def test_underflow_is_told_where_asked_for(backend):
    def squared(x):
        return x * x

    compiled = jitflow.compile(squared, backend=backend)
    small = np.array([1e-200])
    assert heard(compiled, (small,))[0] == []
    with np.errstate(under="warn"):
        assert heard(compiled, (small,)) == heard(squared, (small,))
        assert heard(compiled, (small,))[0]


def test_a_warning_is_shown_once_where_filters_say_so():
    compiled = jitflow.compile(dead)
    globals().pop("__warningregistry__", None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            compiled(X)
    assert len(caught) == 2  # divide by zero, invalid value


def test_seterr_between_calls():
    compiled = jitflow.compile(arms)
    assert heard(compiled, (X,))[0]
    before = np.seterr(all="ignore")
    try:
        assert heard(compiled, (X,))[0] == []
    finally:
        np.seterr(**before)
    assert heard(compiled, (X,))[0]


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_what_is_written_in_place_is_judged_as_it_was(size):
    def scaled(x, y):
        x -= y
        x /= y
        y[...] = x

    x, y = np.ones(size), np.ones(size)
    y[0], x[0] = np.inf, np.inf
    compiled = jitflow.compile(scaled)
    assert heard(compiled, (x, y)) == heard(scaled, (x, y))
    x[0] = 0
    assert heard(compiled, (x, y)) == heard(scaled, (x, y))


def test_no_flags_are_left_to_numpy():
    def piece(x):
        return np.maximum(1 / x, 0)

    compiled = jitflow.compile(piece)
    with np.errstate(all="ignore"):
        compiled(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.asarray(0.5).astype(np.float16)


def folded(c):
    return np.where(c, 1e308, 1.0) * 1e300, np.where(c, 0.0, 1.0) / 0.0, c * np.inf, c / 0


def found_nowhere(c):
    return 2.0 // np.argmin(c[:1]), np.float64(1) / np.argmax(c[:, None], axis=-1)


def complex_quotients(c):
    return False / c.astype(complex), True / (c * 0j)


def half_constant(c):
    return c > np.rint(np.int8(0)), c.astype("f4") > np.float16(0)


@pytest.mark.parametrize("program", [folded, found_nowhere, complex_quotients, half_constant])
@pytest.mark.parametrize("value", [np.array([True]), np.array([False]), np.array([True, False])])
def test_numbers_known_when_compiled_warn_too(program, value, backend):
    compiled = jitflow.compile(program, backend=backend)
    assert heard(compiled, (value,)) == heard(program, (value,))


def ordered(z):
    return z < 1, z[1:] >= z[:-1], np.greater(z, 1j), z[0] < z[1], z[0] <= z[1]


def test_orders_of_complex_numbers_warn(backend):
    compiled = jitflow.compile(ordered, backend=backend)
    nan = float("nan")
    for z in (np.array([1, 2j]), np.array([complex(0, nan), 1]), np.array([complex(1, nan), 1])):
        assert heard(compiled, (z,)) == heard(ordered, (z,))
        assert heard(compiled, (z * complex(nan, 0),)) == heard(ordered, (z * complex(nan, 0),))


def masked_in_place(x):
    np.add(x, 1, out=x, where=x > 0)


def test_a_comparison_with_nan_sets_no_flag_of_its_neighbour(backend):
    compiled = jitflow.compile(masked_in_place, backend=backend)
    for x in (np.array([np.nan, 1.0, -1.0]), np.full(10_000, np.nan)):
        for _ in range(2):
            assert heard(compiled, (x,)) == heard(masked_in_place, (x,))


def test_underflow_of_constants(check):
    """Whoever compiles a conversion of constants may fold it: the flag counts all the same."""

    def f(x):
        with np.errstate(under="raise"):
            tiny, largest = np.float16(6.1e-05), np.float16(65500)
            return x + tiny / largest

    check(f, (np.ones(3),))


def grown_and_scaled(x, y):
    doubled = x + x
    y += 2
    return [doubled * k for k in range(2)]


@pytest.mark.parametrize("step", [1, -2])
def test_what_is_written_between_elements_is_judged_as_it_was(step, backend):
    compiled = jitflow.compile(grown_and_scaled, backend=backend)
    y = np.ones(4 * abs(step))
    for x in (*[np.ones(4)] * 30, np.array([1.0, np.inf, 0.0, 2.0])):
        expected = heard(lambda x, y: grown_and_scaled(x, y[::step]), (x, y))
        assert heard(lambda x, y: compiled(x, y[::step]), (x, y)) == expected


def dead_in_a_branch(x):
    if x[1] > 0:
        np.log(x)
    return x


def dead_in_a_loop(x):
    total = 0.0
    for i in range(1, 40):
        root = np.sqrt(x - i)
        total += root[0]
    return total


def dead_from_one_iteration_to_the_next(x):
    y = x
    for _ in range(40):
        y = np.log(y)
        x = x / 2
    return x


def dead_in_a_branch_of_a_loop(x):
    k = 0
    while x[1] * 40 > k:
        if k % 3 == 1:
            x / x[0]
        k += 1
    return k


def dead_where_the_compiler_knows_the_divisor(x):
    k = 0
    while x[1] * 40 > k:
        k += 1
    whole = (x[:1] > 5).astype("u1")
    x[:1] // np.remainder(whole * whole, 1)
    return k


IN_REGIONS = [
    dead_in_a_branch, dead_in_a_loop, dead_from_one_iteration_to_the_next,
    dead_in_a_branch_of_a_loop, dead_where_the_compiler_knows_the_divisor,
]  # fmt: skip


@pytest.mark.parametrize("program", IN_REGIONS, ids=lambda f: f.__name__)
def test_dead_values_in_loops_and_branches_warn(program, backend):
    compiled = jitflow.compile(program, backend=backend)
    for x in (*[X] * 6, X + 100, X):
        expected = heard(program, (x,))
        got = heard(compiled, (x,))
        assert set(got[0]) == set(expected[0])  # in loops, the number of repetitions may differ
        assert got[1:] == expected[1:]
    assert heard(program, (X,))[0]


def hidden_by_a_choice(c, x):
    return np.where(c, 0, x / 0), np.where(c, np.log(x), np.sqrt(x - 3)), np.where(c, x[0] / 0, 1)


@pytest.mark.parametrize("size", [1, 3, 40])
@pytest.mark.parametrize("chosen", [True, False])
def test_both_arms_of_where_are_computed(size, chosen, backend):
    compiled = jitflow.compile(hidden_by_a_choice, backend=backend)
    for x in (np.zeros(size), np.full(size, -1.0), np.full(size, 4.0), np.zeros(size, "f4")):
        args = np.full(size, chosen), x
        assert heard(compiled, args) == heard(hidden_by_a_choice, args)


def spread_over_nothing(y, s):
    z = np.zeros(len(y))
    z[1:] = s / np.float64(0)
    return y + s / np.float64(0), y * np.float64(1e300) ** 2, y.astype("f2") + 2.0**60


def test_numbers_that_meet_an_empty_array_are_computed(backend):
    compiled = jitflow.compile(spread_over_nothing, backend=backend)
    for y in (np.zeros((0, 2)), np.zeros(2), np.zeros(0), np.zeros(1), np.zeros(5), np.zeros(6)):
        args = y, np.float64(1)
        assert heard(compiled, args)[0] == heard(spread_over_nothing, args)[0]


def called_out_and_native(x):
    return np.multiply.accumulate(x), np.add(x, 1), np.spacing(x), np.fmax.reduce(x * np.inf)


def test_what_numpy_ran_warns_once(backend):
    compiled = jitflow.compile(called_out_and_native, backend=backend)
    x = np.array([0.0, np.inf, 1.0], "f2")
    for _ in range(3):
        got, expected = (heard(f, (x,)) for f in (compiled, called_out_and_native))
        assert sorted(map(repr, got[0])) == sorted(map(repr, expected[0]))


def warns_behind_a_loop_that_nobody_needs(x):
    product = 1
    for i in range(2, 24):
        product *= i
    return np.multiply.accumulate(x), np.add(x, 1), np.divide(x, 0)


def test_a_dead_loop_ends_no_replay(backend):
    compiled = jitflow.compile(warns_behind_a_loop_that_nobody_needs, backend=backend)
    x = np.array([np.nan, -np.inf, 0], "f2")
    for _ in range(6):
        got, expected = (heard(f, (x,)) for f in (compiled, warns_behind_a_loop_that_nobody_needs))
        assert sorted(map(repr, got[0])) == sorted(map(repr, expected[0]))
        assert got[1:] == expected[1:]


def half_of_a_product(x):
    return np.linalg.norm(x, axis=0), (x.conj() * x).real.sum(), (x * 2).imag


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_both_parts_of_complex_products_are_computed(dtype, backend):
    compiled = jitflow.compile(half_of_a_product, backend=backend)
    for values in ([1, 2j, 3], [np.inf, complex(0, -np.inf), 1], [complex(np.nan, 1), 0, 1j]):
        x = np.array(values * 7, dtype).reshape(7, 3)
        assert set(heard(compiled, (x,))[0]) == set(heard(half_of_a_product, (x,))[0])


def in_one_arm(a, b, m):
    s = np.float64(0)
    for i in range(len(a)):
        d = a[i] / b[i]
        if m[i] > 0:
            s += d
    return s


def behind_a_condition(a, b, m):
    k = 0
    for i in range(len(a)):
        d = a[i] / b[i]
        if m[i] > 0 and -d > 2:
            k += 1
    return k


def deciding_the_last_turn(a, b, m):
    for i in range(len(a)):
        if a[i] / b[i] > 1000:
            break
    return i


def overwritten_in_a_loop(a, b, m):
    t = np.float64(0)
    for i in range(20):
        t = a[i % 6] / b[i % 6]
        for j in range(i, 20):
            t = m[j % 6] * 0.5
    return t


PARTLY = (in_one_arm, behind_a_condition, deciding_the_last_turn, overwritten_in_a_loop)


@pytest.mark.parametrize("function", PARTLY, ids=lambda f: f.__name__)
def test_numbers_that_not_every_way_uses_are_computed(function, backend):
    with jitflow.config().override(measure=False):
        compiled = jitflow.compile(function, backend=backend)
        ones, zeros = np.ones(6), np.zeros(6)
        for k in (1, 5, 1, 2):
            b = ones.copy()
            b[k] = 0
            for args in ((ones, b, -ones), (zeros, b, zeros), (zeros, b, b - 1)):
                assert set(heard(compiled, args)[0]) == set(heard(function, args)[0])


def drawn_factors(x, rng):
    a = x * rng.integers(2)
    b = x * rng.integers(2)
    return a + 1, b


def test_a_warning_in_front_of_a_draw_that_ran_earlier(backend):
    compiled = jitflow.compile(drawn_factors, backend=backend)
    for seed in range(7):
        args = np.array([1.0, np.inf]), np.random.default_rng(seed)
        assert set(heard(compiled, args)[0]) == set(heard(drawn_factors, args)[0])


def constant_start(a):
    s, t = np.float64(0.0), np.float64(1.5)
    for _ in a:
        t /= s
        t += t * 0.5
    return t


def growing_constant(a):
    s = np.float64(1e300)
    while s < 1e308:
        s = s * s
    return s


@pytest.mark.parametrize("function", [constant_start, growing_constant], ids=lambda f: f.__name__)
def test_constants_that_a_loop_starts_with(function, backend):
    with jitflow.config().override(measure=False, capture_loops=True):
        compiled = jitflow.compile(function, backend=backend)
        expected = set(heard(function, (np.ones(6),))[0])
        assert expected
        for _ in range(3):
            assert set(heard(compiled, (np.ones(6),))[0]) == expected


def late_in_a_loop(a, n, zero):
    s = 0.0
    for k in range(n):
        s += a[k % 8 :].sum() * 0.5
    t = np.float64(1.0)
    for k in range(3):
        t = t * 2 - s
    return t / zero


def test_a_warning_that_long_loops_precede():
    with jitflow.config().override(measure=False, capture_loops=True):
        compiled = jitflow.compile(late_in_a_loop)
        for n, zero in ((500, 0.0), (500, 0.0), (500, 0.0), (500, 0.0), (10, 0.0), (50000, 0.0)):
            args = np.ones(9), n, np.float64(zero)
            assert set(heard(compiled, args)[0]) == set(heard(late_in_a_loop, args)[0])


def last_quotient(x, k):
    t = 1.5
    for y in x:
        t = y / max(x[k], y)
    return t


def last_but_one(x, k):
    t = s = 1.5
    for y in x:
        s, t = t, y / max(x[k], y)
    return s


def last_in_one_arm(x, k):
    t = 1.5
    for y in x:
        if y < 3:
            t = y / max(x[k], y)
    return t


@pytest.mark.parametrize("program", [last_quotient, last_but_one, last_in_one_arm])
def test_numbers_that_the_next_iteration_replaces_warn(program):
    compiled = jitflow.compile(program)
    for x in ([1, 1, 1, 1], [1, 2, 1, 1, 1], [1, 0, 3], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]):
        for k in (0, -1, 1):
            args = np.array(x, float), k
            assert heard(compiled, args)[:2] == heard(program, args)[:2]


def last_of_few(x, k):
    found = x
    for i in range(4):
        found = x[:3] * 0.25
        found[0] /= i - k
    return found


@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_few_elements_that_the_next_iteration_replaces_warn(k):
    compiled = jitflow.compile(last_of_few)
    for _ in range(3):
        args = np.arange(1.0, 5.0), k
        assert heard(compiled, args)[:2] == heard(last_of_few, args)[:2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_division_by_what_is_known_to_be_zero_warns(dtype):
    def f(x):
        total = np.float64(0.0)
        for i in range(len(x)):
            total /= np.sum(x[:i])
        return total

    def g(x):
        return np.float64(1.0) / np.sum(x[:0])

    for function in (f, g):
        compiled = jitflow.compile(function, fullgraph=True)
        for one in (function, compiled, compiled):
            with pytest.warns(RuntimeWarning, match="scalar divide"):
                one(np.ones(1, dtype))
