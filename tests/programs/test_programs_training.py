"""Training by many calls: counters, settings, schedules, generators of parameters."""

import copy

import numpy as np
import pytest

import jitflow

X = np.random.default_rng(0).standard_normal((6, 4))


def trained(function, state, calls, backend):
    """The report after calls with the same state; each is compared with eager."""
    compiled = jitflow.compile(function, backend=backend)
    expected = copy.deepcopy(state)
    with jitflow.config().override(measure=False):
        for args in calls:
            a = function(expected, *copy.deepcopy(args))
            b = compiled(state, *copy.deepcopy(args))
            np.testing.assert_allclose(b, a, rtol=1e-12)
    for name, value in vars(expected).items():
        if isinstance(value, np.ndarray | float | int):
            np.testing.assert_allclose(vars(state)[name], value, rtol=1e-12, err_msg=name)
    return compiled.report()


class State:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def test_counters_become_symbolic_together(backend):
    def step(state, g):
        state.t += 1
        state.calls += 2
        state.m = 0.9 * state.m + 0.1 * g
        scale = np.sqrt(1.0 - 0.999**state.t) / (1.0 - 0.9**state.t)
        state.w = state.w - scale * state.m / state.calls
        return state.w

    state = State(t=0, calls=0, m=np.zeros(4), w=np.ones(4))
    report = trained(step, state, [(X[k % 6],) for k in range(20)], backend)
    assert (report.recompiles, report.breaks) == (0, 0), str(report)
    assert not report.journal.eager, str(report)


def test_every_tenth_step_has_a_variant_of_its_own(backend):
    def step(state, g):
        state.t += 1
        state.w = state.w - 0.1 * g
        if state.t % 10 == 0:
            state.w = np.tanh(state.w)[::-1]
        return state.w

    state = State(t=0, w=np.ones(4))
    report = trained(step, state, [(X[k % 6],) for k in range(41)], backend)
    assert report.recompiles <= 3, str(report)
    assert not report.journal.eager, str(report)


class Dropout:
    def __init__(self, p):
        self.p, self.training, self.rng = p, True, np.random.default_rng(0)

    def __call__(self, x):
        if not self.training or self.p == 0:
            return x
        return x * (self.rng.random(x.shape) > self.p) / (1 - self.p)


def test_settings_that_are_floats_are_guarded(backend):
    def forward(state, x, labels):
        h = state.drop(x)
        return np.log(np.abs(h) + 1)[np.arange(len(labels)), labels].sum()

    labels = np.array([0, 1, 2, 3, 0, 1])
    state = State(drop=Dropout(0.5))
    report = trained(forward, state, [(X, labels)] * 4, backend)
    assert (report.pieces, report.breaks, report.recompiles) == (1, 0, 0), str(report)
    compiled = jitflow.compile(forward, backend=backend)
    for p in (0.5, 0.0, 0.25):
        one, other = State(drop=Dropout(p)), State(drop=Dropout(p))
        assert compiled(one, X, labels) == pytest.approx(forward(other, X, labels))


def test_labels_out_of_bounds_behind_a_draw(backend):
    def pick(state, labels):
        noise = state.rng.random((3, 3))
        return noise[np.arange(3), labels]

    compiled = jitflow.compile(pick, backend=backend)
    one, other = (State(rng=np.random.default_rng(0)) for _ in range(2))
    for labels in ([0, 1, 2], [0, 1, 3], [2, -3, 0]):
        labels = np.array(labels)
        if 3 in labels:
            for function, state in ((compiled, one), (pick, other)):
                with pytest.raises(IndexError, match="index 3 is out of bounds"):
                    function(state, labels)
        else:
            np.testing.assert_array_equal(compiled(one, labels), pick(other, labels))
    assert compiled.report().breaks == 0, str(compiled.report())


def test_parameters_by_yield_from(backend):
    def leaves(tree):
        if isinstance(tree, dict):
            for value in tree.values():
                yield from leaves(value)
        elif isinstance(tree, (list, tuple)):
            yield from (leaf for item in tree for leaf in leaves(item))
        else:
            yield tree

    def step(state, rate):
        for i, (p, g) in enumerate(zip(leaves(state.params), leaves(state.grads))):
            if i not in state.velocity:
                state.velocity[i] = np.zeros_like(p)
            state.velocity[i] = 0.9 * state.velocity[i] - rate * g
            p += state.velocity[i]
        return sum(np.sum(p * p) for p in leaves(state.params))

    def tree():
        return {"a": X.copy(), "b": [X[0].copy(), (X[1].copy(), X[:2].copy())]}

    state = State(params=tree(), grads=tree(), velocity={})
    report = trained(step, state, [(0.1 / k,) for k in range(1, 6)], backend)
    assert (report.breaks, report.recompiles) == (0, 1), str(report)


def test_items_after_yield_from_a_returned_value(check):
    def f(x):
        def inner():
            yield x
            return x + 1

        def outer():
            y = yield from inner()
            yield y

        return list(outer())

    check(f, (X,))


def test_exceptions_in_yield_from(check):
    def f(x):
        def inner():
            try:
                yield x
                yield x + 1
            finally:
                x[0] = 5

        def outer():
            yield from inner()

        return next(outer()) + 0

    check(f, (X.copy(),))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_clipped_by_their_norm(check, dtype):
    def clip(g, top):
        norm = np.sqrt(np.sum(g**2))
        scale = min(1.0, top / (norm + 1e-6))
        return g * scale, scale, max(norm, 0.5), g / max(norm, 0.1), float(min(1.0, norm))

    calls = [(np.arange(5, dtype=dtype) * dtype(k), 1.0) for k in (0.001, 0.1, 1, 100)]
    report = check(clip, *calls)
    if dtype is np.float64:
        assert (report.pieces, report.breaks) == (1, 0), str(report)


def minibatches(x, y, size, rng):
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]


def descend(state, x, y):
    w = np.zeros((x.shape[1], 3))
    for xb, yb in minibatches(x, y, 8, state.rng):
        p = np.exp(xb @ w)
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(yb)), yb] -= 1
        w -= 0.1 * xb.T @ p / len(yb)
    first = state.rng.choice(len(x), 4, replace=False)
    return w, x[first], x[state.rng.integers(0, len(x))]


def test_minibatches_of_a_permutation(backend):
    x, y = np.random.default_rng(1).random((32, 4)), np.arange(32) % 3
    compiled = jitflow.compile(descend, backend=backend)
    one, other = (State(rng=np.random.default_rng(0)) for _ in range(2))
    with jitflow.config().override(measure=False):
        for _ in range(3):
            for expected, got in zip(descend(one, x, y), compiled(other, x, y), strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-12)
        report = compiled.report()
        assert (report.pieces, report.breaks) == (1, 0), str(report)
        bad = y.copy()
        bad[17] = 3
        for function, state in ((descend, one), (compiled, other)):
            with pytest.raises(IndexError, match="index 3 is out of bounds"):
                function(state, x, bad)
        assert one.rng.bit_generator.state == other.rng.bit_generator.state


def test_draws_by_probabilities(check):
    def sample(p, logits):
        rng = np.random.default_rng(0)
        index = rng.choice(len(p), p=p / p.sum())
        row = np.zeros(len(p))
        row[index] = 1
        return row, index, type(index) is int, np.argpartition(logits, 20)[:20].sum()

    p, logits = np.arange(1.0, 31.0), np.random.default_rng(0).permutation(40) * 1.0
    report = check(sample, (p, logits))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_choices_from_ranges_and_arrays(check):
    def sample(p):
        old, new = np.random.RandomState(0), np.random.default_rng(0)
        return old.choice(range(5), p=p), new.choice(np.arange(10, 15), 3, p=p), old.choice(5, p=p)

    check(sample, (np.full(5, 0.2),))


class Cell:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)

    def __mul__(self, other):
        other = other if isinstance(other, Cell) else Cell(other)
        made = Cell(self.data * other.data)

        def backward():
            self.grad += other.data * made.data
            other.grad += self.data * made.data

        made.backward = backward
        return made

    def __rshift__(self, other):
        return self.data - other.data


def test_an_object_times_itself(check):
    def f(x):
        cell = Cell(x)
        square = cell * cell
        square.backward()
        return square.data, cell.grad, cell >> cell, (cell * 2.0).data

    report = check(f, (X,))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_loop_variables_that_functions_use(check_loops):
    def f(x):
        out = np.zeros(len(x))
        for i in range(len(x)):
            parts = [row[i] * 2 for row in (x, x + 1)]
            out[i] = sum(parts) + (lambda k: k + i)(1.0)
        return out, np.vectorize(lambda v: v * v + 1)(x)

    check_loops(f, (np.arange(40.0),))


def test_positions_behind_a_draw(check):
    def f(x):
        rng = np.random.default_rng(0)
        noisy = x + rng.standard_normal(x.shape)
        order = np.argsort(noisy[:, 0])[::-1][:3]
        top = np.argpartition(noisy[0], 2)[:2]
        best = noisy.argmax(axis=1)
        words = (noisy * 100).astype(np.int64).ravel() % 4
        return noisy[order], noisy[0][top], noisy[np.arange(len(x)), best], x[0][words], best

    report = check(f, (X,))
    assert (report.pieces, report.breaks) == (1, 0), str(report)
