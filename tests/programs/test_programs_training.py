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
    assert (report.recompiles, report.breaks) == (1, 0), str(report)
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
