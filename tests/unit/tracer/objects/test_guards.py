"""Calls after a change of what the piece relied on: compiled code sees it as eager code does."""

import functools
import types

import numpy as np
import pytest
from running import trace_call

import jitflow
from jitflow import api
from jitflow.core.config import config

scale = 2.0
table = {"gain": 1.0}


def helper(x):
    return x + 1


def other_helper(x):
    return x - 1


class Model:
    factor = 2.0

    def __init__(self):
        self.w = np.ones(3)
        self.items = [1.0]
        self.act = None

    def run(self, x):
        return x * self.w * self.factor

    @property
    def total(self):
        return len(self.items)


def x3():
    return np.array([1.0, 2.0, 3.0])


def agree(function, calls):
    """Each of `calls` makes arguments; the same calls run eagerly and compiled give the same."""
    compiled = api.compile(function, backend="reference")
    with config().override(strict=True):
        for make in calls:
            eager_args, compiled_args = make(), make()
            expected, actual = function(*eager_args), compiled(*compiled_args)
            assert_same(actual, expected)
            for a, b in zip(compiled_args, eager_args, strict=True):
                assert_same(a, b)
    return compiled


def assert_same(actual, expected):
    assert type(actual) is type(expected)
    if isinstance(expected, np.ndarray | np.generic):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for a, b in zip(actual, expected, strict=True):
            assert_same(a, b)
    elif isinstance(expected, dict):
        assert_same(list(actual.items()), list(expected.items()))
    elif isinstance(expected, Model | types.SimpleNamespace):
        assert_same(vars(actual), vars(expected))
    else:
        assert actual == expected or callable(expected)


def test_globals(monkeypatch):
    def function(x):
        return helper(x) * scale + table["gain"]

    compiled = api.compile(function, backend="reference")
    for name, value in [("scale", 3.0), ("scale", 4), ("helper", other_helper)]:
        np.testing.assert_array_equal(compiled(x3()), function(x3()))
        monkeypatch.setitem(globals(), name, value)
        np.testing.assert_array_equal(compiled(x3()), function(x3()))
    monkeypatch.setitem(table, "gain", 5.0)
    np.testing.assert_array_equal(compiled(x3()), function(x3()))
    monkeypatch.setitem(table, "new", 5.0)
    np.testing.assert_array_equal(compiled(x3()), function(x3()))


def test_class_dictionary(monkeypatch):
    def function(model, x):
        return model.run(x) + model.total

    compiled = api.compile(function, backend="reference")
    model = Model()

    def both():
        np.testing.assert_array_equal(compiled(model, x3()), function(model, x3()))

    both()
    monkeypatch.setattr(Model, "factor", 3.0)
    both()
    monkeypatch.setattr(Model, "run", lambda self, x: x - self.w)
    both()
    model.run = lambda x: x * 100
    both()
    del model.run
    both()
    monkeypatch.setattr(Model, "total", property(lambda self: 7))
    both()
    model.factor = 9.0
    both()


def test_argument_kinds():
    def function(x, bias, items):
        if bias is not None:
            x = x + bias
        for item in items:
            x = x * item
        return x, isinstance(bias, float), len(items)

    agree(
        function,
        [
            lambda: (x3(), None, []),
            lambda: (x3(), 1.0, [2.0]),
            lambda: (x3(), 5.0, [2.0, x3()]),
            lambda: (x3(), x3(), (2.0,)),
            lambda: (x3(), 3, [True, "abc"[:0] or 1]),
            lambda: (x3(), None, []),
        ],
    )


def test_aliasing_of_lists():
    def function(first, second, x):
        first.append(x + 1)
        return len(second), second[-1] * 2

    def same():
        items = [1.0]
        return items, items, x3()

    agree(function, [lambda: ([1.0], [2.0], x3()), same, lambda: ([1.0], [2.0], x3()), same])


def test_aliasing_of_instances():
    def function(first, second, x):
        first.w = x + 1
        return second.w * 2

    def same():
        model = Model()
        return model, model, x3()

    agree(function, [lambda: (Model(), Model(), x3()), same, lambda: (Model(), Model(), x3())])


def test_aliasing_through_containers():
    def function(model, x):
        model.items.append(x)
        model.other.append(2.0)
        return len(model.items)

    def shared(is_shared):
        model = Model()
        model.other = model.items if is_shared else [3.0]
        return model, x3()

    agree(function, [lambda: shared(False), lambda: shared(True), lambda: shared(False)])


def test_identity_in_control_flow():
    def function(a, b, x):
        return x + 1 if a is b else x - 1

    marker = object()
    agree(
        function,
        [lambda: (marker, marker, x3()), lambda: (marker, [], x3()), lambda: ([], [], x3())],
    )


def test_closures_made_anew():
    def function(f, x):
        return f(x)

    def make(k):
        return lambda: (lambda x: x * k, x3())

    compiled = agree(function, [make(2.0), make(3.0), make(4.5)])
    assert "0 recompile(s)" in str(compiled.report())


def test_partials():
    def function(f, x):
        return f(x, offset=1)

    def scaled(k, x, offset):
        return k * x + offset

    agree(
        function,
        [
            lambda: (functools.partial(scaled, 2.0), x3()),
            lambda: (functools.partial(scaled, 3.0), x3()),
            lambda: (lambda x, offset: x - offset, x3()),
        ],
    )


def test_dict_keys_and_values():
    def function(options, x):
        for key, value in options.items():
            x = x + value if key != "skip" else x
        return x, options.get("gain", 1.0)

    agree(
        function,
        [
            lambda: ({"a": 1.0}, x3()),
            lambda: ({"a": 2.0}, x3()),
            lambda: ({"skip": 2.0, "gain": 3.0}, x3()),
            lambda: ({"gain": 3.0, "skip": 2.0}, x3()),
            lambda: ({}, x3()),
        ],
    )


def test_integers_become_symbolic():
    def function(x, n):
        if n % 2 == 0:
            return x * n
        return x + n // 2

    agree(function, [lambda n=n: (x3(), n) for n in (1, 2, 3, 4, 5, 100, -7, 2**40, 2**70, True)])


def test_floats_of_any_value():
    def function(x, t):
        return x * t, t * 2, t > 1, -t

    agree(function, [lambda t=t: (x3(), t) for t in (1.0, -0.0, np.inf, 5e-324, 2, np.float64(3))])


def test_where_python_raises_the_piece_is_left():
    def function(x, t):
        try:
            return x / (1.0 / t)
        except ZeroDivisionError:
            return x

    agree(function, [lambda t=t: (x3(), t) for t in (2.0, 0.0, 3.0)])


def test_namespaces_of_options():
    def function(options, x):
        options.steps += 1
        made = types.SimpleNamespace(x=x, lr=options.lr)
        return made.x * made.lr, made

    def options():
        return types.SimpleNamespace(lr=0.1, steps=0), x3()

    agree(function, [options, options])


def test_python_floats_give_no_warnings():
    def function(x, t):
        return x + 1, t * 1e308 * 1e308, (t * 1e308 * 1e308) * 0.0

    compiled = api.compile(function)
    with np.errstate(all="warn"):
        result = compiled(x3(), 1e10)
    assert result[1] == np.inf and np.isnan(result[2])


def test_functions_compiled_themselves_are_inlined():
    inner = api.compile(lambda x: x * 2, backend="reference")

    def function(x):
        return inner(x) + 1, jitflow is not None

    compiled = agree(function, [lambda: (x3(),)])
    assert "0 break(s)" in str(compiled.report())


def test_is_compiling():
    compiled = api.compile(lambda x: x + 1 if api.is_compiling() else x - 1, backend="reference")
    np.testing.assert_array_equal(compiled(x3()), x3() + 1)


def test_disabled_functions_run_eagerly():
    @api.disable
    def eager(x):
        return x + 1

    def function(x):
        return eager(x) * 2

    compiled = agree(function, [lambda: (x3(),)])
    assert "JF-B016" in str(compiled.report())


def test_defaults_are_read_each_time():
    def function(x, items=[]):  # noqa: B006
        items.append(1.0)
        return x + len(items)

    eager = types.FunctionType(function.__code__, function.__globals__, "f", ([],), None)
    compiled = api.compile(function, backend="reference")
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x3()), eager(x3()))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_state_of_a_generator_argument(n):
    def function(values, x):
        total = x
        for value in values:
            total = total + value
        return total

    compiled = api.compile(function, backend="reference")
    for _ in range(2):
        found = compiled((float(i) for i in range(n)), x3())
        np.testing.assert_array_equal(found, function(range(n), x3()))


def test_items_of_a_range_rely_on_its_bounds():
    """Not on each of them: a list of thousands would have as many guards."""

    def f(x):
        places = list(range(1, len(x)))
        places[0] = 7
        return places

    traced = trace_call(f, np.arange(500.0), dynamic=frozenset({"*"}))
    assert len(traced.guards) < 20
    compiled = agree(f, [lambda n=n: (np.arange(float(n)),) for n in (5, 6, 7, 500, 6)])
    assert compiled.report().breaks == 0


def test_integers_that_have_to_be_known_are_fixed():
    """An axis that has changed is not symbolic: one variant each, and no break."""

    def f(x, axis, width):
        windows = np.lib.stride_tricks.sliding_window_view(x, 2, axis)
        return np.sum(x, axis), np.pad(x, (width, 0)), windows.sum()

    calls = [(0, 1), (1, 1), (2, 3), (-1, 2), (0, 1)]
    x = np.arange(24.0).reshape(2, 3, 4)
    compiled = agree(f, [lambda call=call: (x.copy(), *call) for call in calls])
    assert compiled.report().breaks == 0
    agree(f, [lambda call=call: (x.copy(), *call) for call in [(0, n) for n in range(20)]])


def grown(steps, other=None):
    """Calls of a function with one dict that has more items each time; `other` is a second one."""
    table = {"start": 0}

    def make(step):
        table[f"key {step}"] = step
        return x3() * step, dict(table), step, (other or {}).copy()

    return [lambda step=step: make(step) for step in range(steps)]


def stores(x, table, step, other):
    table[step] = x * 2
    table["last"] = x.sum()
    table[step, "pair"] = step
    other["x"] = x
    x += 1
    return x


def stores_and_looks(x, table, step, other):
    table["seen"] = x[0]
    other[step] = len(table)
    return x * table["start"], list(table)[-1]


def stores_of_one_key(x, table, step, other):
    table[step], table["k"] = 1.0, 2.0
    table[step] = x
    table["k"] = 3.0
    return x


@pytest.mark.parametrize("function", [stores, stores_and_looks, stores_of_one_key])
def test_dicts_that_grow(function):
    agree(function, grown(9))


def test_dicts_that_grow_have_few_variants():
    compiled = agree(stores, grown(12))
    assert compiled.report().recompiles <= 3
    table = {}
    for step in range(5):
        x = x3()
        compiled(x, table, step, table)
        assert table["x"] is x
        assert list(table)[:3] == [0, "last", (0, "pair")]


def test_a_dict_that_grows_under_two_names():
    def f(x, first, second, step):
        first[step] = 1
        second[step] = 2
        return first[step] + x

    tables = {}, {}
    for compiled in (api.compile(f, backend="reference"), f):
        for step in range(6):
            same, other = tables[compiled is f], {}
            np.testing.assert_array_equal(compiled(x3(), same, same, step), x3() + 2)
            np.testing.assert_array_equal(compiled(x3(), same, other, step + 100), x3() + 1)
    assert tables[0] == tables[1]
