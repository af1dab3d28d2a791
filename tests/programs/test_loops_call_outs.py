"""Loops and branches in which NumPy is called: linear algebra, Fourier transforms, sorting, draws."""

import copy

import numpy as np
import pytest
from helpers.loops import control_nodes_in

import jitflow

RNG = np.random.default_rng(11)
S = RNG.normal(size=(5, 5))
SPD = S @ S.T + 5 * np.eye(5)
B = RNG.normal(size=5)
X = RNG.normal(size=(40, 3))
Y = RNG.normal(size=40)


def captured(report):
    """Every piece is a loop that was kept, with what is called in it."""
    assert report.breaks == 0, str(report)
    for piece in report.journal.pieces:
        nodes = control_nodes_in(piece.texts.get("graph", ""))
        assert "for" in nodes or "while" in nodes, str(report)


# Without an effect


def shifted_inverse_iteration(a, steps):
    v = np.ones(len(a))
    for _ in range(steps):
        v = np.linalg.solve(a - 0.1 * np.eye(len(a)), v)
        v = v / np.linalg.norm(v)
    return v, v @ a @ v


def qr_iteration(a, steps):
    a = a.copy()
    for _ in range(steps):
        q, r = np.linalg.qr(a)
        a = r @ q
    return np.diag(a)


def newton(x, tolerance):
    for step in range(30):
        f = np.array([x[0] ** 2 + x[1] ** 2 - 4, x[0] * x[1] - 1])
        j = np.array([[2 * x[0], 2 * x[1]], [x[1], x[0]]])
        dx = np.linalg.solve(j, -f)
        x = x + dx
        if np.linalg.norm(dx) < tolerance:
            break
    return x, step


def burgers(u, steps):
    k = np.fft.fftfreq(u.size, d=1.0 / u.size)
    for _ in range(steps):
        uh = np.fft.fft(u)
        slope = np.real(np.fft.ifft(1j * k * uh))
        bend = np.real(np.fft.ifft(-(k**2) * uh))
        u = u + 1e-4 * (-u * slope + 0.01 * bend)
    return u


def sorted_rows(a):
    out = np.empty_like(a)
    for i in range(a.shape[0]):
        out[i] = np.sort(a[i])
        if out[i, 0] < -1:
            out[i] = np.argsort(a[i])
    return out


def moving_median(x, width):
    y = np.zeros(len(x))
    for i in range(width, len(x) - width):
        y[i] = np.median(x[i - width : i + width + 1])
    return y


def transposed_operands(a, steps):
    for i in range(steps):
        a = a + np.linalg.inv(a.T)[::-1] * 0.1 + np.cov(a[:, ::2]).sum() * i
    return a


WITHOUT = [
    (shifted_inverse_iteration, [(SPD, 12), (SPD[:3, :3], 30)]),
    (qr_iteration, [(SPD, 40)]),
    (newton, [(np.array([2.0, 0.5]), 1e-12), (np.array([3.0, -0.5]), 1e-12)]),
    (burgers, [(np.sin(np.arange(64) * np.pi / 32), 12)]),
    (sorted_rows, [(X,), (X[::2].T.copy(),)]),
    (moving_median, [(Y, 4)]),
    (transposed_operands, [(SPD, 12), (np.asfortranarray(SPD), 10)]),
]


@pytest.mark.parametrize("function, calls", WITHOUT, ids=[f.__name__ for f, _ in WITHOUT])
def test_calls_without_effect(check_loops, function, calls):
    captured(check_loops(function, *calls))


def test_a_function_without_code_of_its_own(check_loops):
    def f(z, steps):
        total = 0.0
        for i in range(steps):
            total += abs(np.tanh(z * i).sum())
        return total

    captured(check_loops(f, (np.array([0.1 + 0.2j, 0.3]), 20)))


def test_what_raises_in_an_iteration(check_loops):
    def f(a, log):
        for i in range(len(a)):
            log[i] = np.linalg.inv(a[i])[0, 0]
        return log.sum()

    stack = np.stack([SPD] * 40)
    captured(check_loops(f, (stack, np.zeros(40))))
    stack[7] = 0
    check_loops(f, (np.stack([SPD] * 40), np.zeros(40)), (stack, np.zeros(40)))


def test_a_handler_around_the_loop(check_loops):
    def f(a, log):
        done = 0
        try:
            for i in range(len(a)):
                log[i] = np.linalg.inv(a[i])[0, 0]
                done = i
        except np.linalg.LinAlgError as error:
            return done, str(error)
        return done

    stack = np.stack([SPD] * 40)
    singular = stack.copy()
    singular[7] = 0
    check_loops(f, (stack, np.zeros(40)), (singular, np.zeros(40)), (stack, np.zeros(40)))


def test_results_of_another_type_than_expected(check_loops):
    def f(a, steps):
        total = 0.0
        for i in range(steps):
            values = np.roots(a + i)
            total = total + values.sum().real
        return total

    check_loops(f, (np.array([1.0, 0.0, 2.0]), 12), (np.array([0.0, 1.0, 2.0]), 12))


# Draws


def pi_of_the_global_generator(n):
    np.random.seed(3)
    inside = 0
    for _ in range(n):
        x, y = np.random.rand(), np.random.rand()
        if x * x + y * y <= 1:
            inside += 1
    return inside / n, np.random.rand()


def metropolis(n, seed):
    rng = np.random.default_rng(seed)
    x, accepted, samples = 0.0, 0, np.empty(n)
    for i in range(n):
        proposal = x + rng.normal(0, 0.5)
        if np.log(rng.random()) < 0.5 * (x**2 - proposal**2):
            x, accepted = proposal, accepted + 1
        samples[i] = x
    return samples, accepted, rng.random()


def walk(n, rng):
    place = np.zeros((n + 1, 2))
    for i in range(n):
        way = rng.integers(0, 4)
        place[i + 1] = place[i]
        if way < 2:
            place[i + 1, 0] += 2 * way - 1
        else:
            place[i + 1, 1] += 2 * way - 5
    return place


def ising(spins, steps, rng):
    n = len(spins)
    for _ in range(steps):
        i, j = rng.integers(0, n), rng.integers(0, n)
        near = spins[(i + 1) % n, j] + spins[i - 1, j] + spins[i, (j + 1) % n] + spins[i, j - 1]
        change = 2 * spins[i, j] * near
        if change <= 0 or rng.random() < np.exp(-0.4 * change):
            spins[i, j] = -spins[i, j]
    return spins.mean()


def minibatches(x, y, epochs, rng):
    w = np.zeros(x.shape[1])
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 8):
            batch = order[start : start + 8]
            error = x[batch] @ w - y[batch]
            w -= 0.01 * x[batch].T @ error
    return w


def until_far_away(limit, rng):
    x, steps = 0.0, 0
    while abs(x) < limit:
        x += rng.standard_normal()
        steps += 1
    return x, steps


def two_generators(n, first, second):
    total = np.zeros(3)
    for i in range(n):
        if i % 3:
            total += first.normal(size=3)
        total -= second.uniform(0, 1, 3) + first.random()
    return total


def bootstrap(x, n, rng):
    means = np.empty(n)
    for b in range(n):
        means[b] = rng.choice(x, size=len(x)).mean()
    return means.mean(), means.std()


def older(n, state):
    total = 0.0
    for _ in range(n):
        total += state.randn() + state.uniform(1, 2) * state.randint(3)
    return total


DRAWS = [
    (pi_of_the_global_generator, [(300,), (50,)]),
    (metropolis, [(60, 1), (60, 2)]),
    (walk, [(60, 1)]),
    (ising, [(np.ones((6, 6), int), 80, 1)]),
    (minibatches, [(X, Y, 12, 1)]),
    (until_far_away, [(4.0, 1), (9.0, 2)]),
    (two_generators, [(30, 1, 2)]),
    (bootstrap, [(Y, 40, 4)]),
]


def with_generators(function, args):
    """`args` with generators for the seeds among the last ones, where the function wants them."""
    names = function.__code__.co_varnames[: len(args)]
    make = np.random.default_rng
    wanted = {"rng", "first", "second"}
    return [make(a) if n in wanted else copy.deepcopy(a) for n, a in zip(names, args, strict=True)]


def state_of(value):
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.get_state(legacy=False) if isinstance(value, np.random.RandomState) else value


def assert_close(got, expected):
    assert type(got) is type(expected)
    if isinstance(expected, tuple):
        for a, b in zip(got, expected, strict=True):
            assert_close(a, b)
    elif expected is not None:
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def agree(function, compiled, mine, theirs):
    """Both calls give, raise, change and draw the same."""

    def outcome(f, args):
        try:
            return f(*args), None
        except Exception as error:
            return None, (type(error), str(error))

    expected, got = outcome(function, theirs), outcome(compiled, mine)
    assert got[1] == expected[1]
    assert_close(got[0], expected[0])
    np.testing.assert_equal(list(map(state_of, mine)), list(map(state_of, theirs)))


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("function, calls", DRAWS, ids=[f.__name__ for f, _ in DRAWS])
def test_draws(monkeypatch, backend, function, calls):
    monkeypatch.setenv("JITFLOW_MEASURE", "0")
    compiled = jitflow.compile(function, backend=backend)
    for args in calls:
        for _ in range(2):
            mine, theirs = with_generators(function, args), with_generators(function, args)
            agree(function, compiled, mine, theirs)
    captured(compiled.report())


def test_draws_of_the_older_kind():
    compiled = jitflow.compile(older)
    for _ in range(3):
        agree(older, compiled, (21, np.random.RandomState(1)), (21, np.random.RandomState(1)))
    captured(compiled.report())


# Draws, then what fails


def index_out_of_bounds(x, n, rng):
    for i in range(n):
        x[rng.integers(0, 2 * n - 7)] += 1
        x[0] = i
    return x.sum()


def division_by_zero(x, n, rng):
    total = 0.0
    for i in range(n):
        x[i] = rng.random()
        total += 1 / int(rng.integers(0, 20))
    return total


def singular(x, n, rng):
    total = 0.0
    for i in range(n):
        a = np.eye(2) * (rng.random() > 0.1)
        total += np.linalg.solve(a, x[:2])[0]
        x[2] = i
    return total


def refused(x, n, rng):
    for i in range(n):
        x[i] = rng.normal(0, rng.random() - 0.1)
    return x


def raised(x, n, rng):
    for i in range(n):
        x[i] = rng.random()
        if x[i] > 0.95:
            raise ValueError("too large")
    return x


FAILING = [index_out_of_bounds, division_by_zero, singular, refused, raised]


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "older"])
@pytest.mark.parametrize("function", FAILING, ids=[f.__name__ for f in FAILING])
def test_failures_after_draws(function, kind):
    if kind == "older" and function.__code__.co_names.count("integers"):
        pytest.skip("RandomState has no integers")

    def generator(seed):
        if kind == "older":
            return np.random.RandomState(seed)
        return np.random.Generator(getattr(np.random, kind)(seed))

    compiled = jitflow.compile(function)
    failed = 0
    for seed in range(8):
        mine, theirs = generator(seed), generator(seed)
        for source in (mine, theirs):
            source.normal(size=3)
        try:
            function(np.ones(30), 20, generator(seed))
        except Exception:
            failed += 1
        agree(function, compiled, (np.ones(30), 20, mine), (np.ones(30), 20, theirs))
    assert failed > 0


def test_failures_after_draws_outside_of_loops():
    def f(x, rng):
        i = rng.integers(0, 12)
        x[0] = rng.normal()
        return x[i] * rng.random()

    compiled = jitflow.compile(f)
    for seed in range(20):
        mine, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        agree(f, compiled, (np.ones(8), mine), (np.ones(8), theirs))
    assert compiled.report().breaks == 0


def test_generators_that_share_their_state():
    def f(x, first, second):
        for i in range(12):
            x[i] = first.random() - second.normal()
            x[int(20 * second.random())] += 1
        return x

    compiled = jitflow.compile(f)
    for seed in range(6):
        bits = np.random.PCG64(seed), np.random.PCG64(seed)
        mine, theirs = ([np.random.Generator(b), np.random.Generator(b)] for b in bits)
        agree(f, compiled, (np.ones(18), *mine), (np.ones(18), *theirs))


# Warnings and exceptions that are not repeated


def test_warnings_of_what_is_called(check_loops):
    def f(x, n):
        total = 0.0
        for i in range(n):
            total += np.corrcoef(x * (i - 12), x)[0, 1]
        return total

    check_loops(f, (np.array([1.0, 2.0, 4.0]), 20), (np.array([1.0, 2.0, 5.0]), 20))


def test_flags_around_a_call(check_loops):
    def f(x, a, n):
        total = 0.0
        for i in range(n):
            y = 1.0 / (x - i)
            z = np.linalg.solve(a, y)
            total += np.sqrt(z - 40).sum()
        return total

    calls = [(np.full(5, k), SPD, 12) for k in (40.0, 3.0, 3.0, 3.0, 3.0, 3.0, 50.0)]
    check_loops(f, *calls)


def test_an_interrupt_leaves_the_piece():
    def f(x, n):
        total = 0.0
        for i in range(n):
            total += np.corrcoef(x * (i - 12), x)[0, 1]
        return total

    def interrupt(*args):
        raise KeyboardInterrupt

    compiled = jitflow.compile(f)
    compiled(np.array([1.0, 2.0, 4.0]), 9)
    with pytest.raises(KeyboardInterrupt), np.errstate(all="call", call=interrupt):
        compiled(np.array([1.0, 2.0, 4.0]), 20)
    assert compiled(np.array([1.0, 2.0, 4.0]), 9) == f(np.array([1.0, 2.0, 4.0]), 9)
