"""Control flow as functions: eager meaning, and what compiled code makes of it."""

import numpy as np
import pytest
from helpers.loops import control_nodes, run_captured

import jitflow

X = np.random.default_rng(5).normal(size=(40, 3))


def chosen(x):
    return jitflow.cond(x.sum() > 0, lambda v: v * 2, lambda v: v - 1, x)


def newton(a):
    def step(x):
        return 0.5 * (x + a / x)

    return jitflow.while_loop(lambda x: abs(x * x - a) > 1e-10, step, a)


def recurrence(x, decay):
    def step(state, row):
        state = state * decay + row
        return state, state.sum()

    return jitflow.scan(step, np.zeros(x.shape[1]), x)


def backwards(x):
    def step(total, parts):
        first, second = parts["first"], parts["second"]
        return total + first * second, (total, first - second)

    xs = {"first": x[:, 0], "second": x[:, 1]}
    return jitflow.scan(step, np.float64(0.0), xs, reverse=True)


def counted(a):
    return jitflow.scan(lambda s, _: (s * 1.01, None), a, length=50)


def same(function, compiled, args):
    expected, got = function(*args), compiled(*args)
    assert type(expected) is type(got)
    for one, other in zip(flat(expected), flat(got), strict=True):
        assert type(one) is type(other)
        if one is None:
            continue
        np.testing.assert_allclose(other, one, rtol=1e-12)


def flat(value):
    return [part for item in value for part in flat(item)] if isinstance(value, tuple) else [value]


CASES = [
    (chosen, ["cond"], (X,), (-np.abs(X),)),
    (newton, ["while"], (np.float64(7.0),), (np.float64(0.3),)),
    (recurrence, ["for"], (X, 0.9), (X * 2, 0.1)),
    (backwards, ["for"], (X,)),
    (counted, ["for"], (X,)),
]


@pytest.mark.parametrize("backend", ["reference", "auto"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_compiled(case, backend):
    function, names, *calls = case
    report = run_captured(same, function, calls, backend)
    assert report.breaks == 0
    assert set(names) <= set(control_nodes(report))


def test_scan_stacks_outputs_in_the_order_of_its_input():
    carry, ys = jitflow.scan(lambda c, x: (c + 1, [x, c]), 0, np.arange(3), reverse=True)
    assert carry == 3
    assert [part.tolist() for part in ys] == [[0, 1, 2], [2, 1, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xs": None}, "needs"),
        ({"xs": (np.ones(2), np.ones(3))}, "different lengths: 2 and 3"),
        ({"xs": np.ones(2), "length": 3}, "different lengths: 2 and 3"),
        ({"xs": np.ones(0)}, "no elements"),
    ],
)
def test_scan_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        jitflow.scan(lambda c, x: (c, x), 0.0, **arguments)
