"""Objects that are held weakly: what goes with them goes, and no Python code runs for that."""

import gc
import sys
import weakref

import numpy as np
import pytest

import jitflow
from jitflow.core.weak import Living, WeakValues, per_object


class Thing:
    pass


def python_calls(drop):
    """Names of the Python functions that run while `drop` lets objects die."""
    gc.collect()
    names = []

    def note(frame, event, argument):
        if event == "call":
            names.append(frame.f_code.co_qualname)

    others, gc.callbacks[:] = gc.callbacks[:], []  # such as those that hypothesis leaves
    sys.setprofile(note)
    try:
        drop()
        gc.collect()
    finally:
        sys.setprofile(None)
        gc.callbacks[:] = others
    return names


def test_what_remains_is_given_once():
    living, one, two = Living(), Thing(), Thing()
    living.add(one, "one")
    living.add(two, "two")
    assert living.objects() == [one, two]
    assert list(living.gone()) == []
    del one
    assert living.objects() == [two]
    assert list(living.gone()) == ["one"]
    assert list(living.gone()) == []


def test_objects_that_are_equal_are_told_apart():
    class Equal:
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    living, things = Living(), [Equal(), Equal()]
    for number, thing in enumerate(things):
        living.add(thing, number)
    assert len(living.objects()) == 2
    del things[0], thing
    assert list(living.gone()) == [0]


def test_a_value_stays_while_it_lives():
    table, value = WeakValues(), Thing()
    assert table.add("key", value) is value
    assert table.add("key", Thing()) is value
    assert table.get("key") is value
    assert table.items() == [("key", value)]
    del value
    assert table.get("key") is None
    assert (len(table), table.items()) == (0, [])
    later = Thing()
    assert table.add("key", later) is later


def test_a_function_is_computed_once_for_each_object():
    seen = []

    @per_object
    def number(thing):
        seen.append(None)
        return len(seen)

    one, two = Thing(), Thing()
    assert [number(one), number(two), number(one)] == [1, 2, 1]
    del one
    assert number(Thing()) == 3
    assert number(two) == 2


@pytest.mark.parametrize("kind", ["living", "values", "cached"])
def test_no_python_code_runs_when_objects_die(kind):
    things = [Thing() for _ in range(3)]
    living, values, cached = Living(), WeakValues(), per_object(lambda thing: 1)
    for number, thing in enumerate(things):
        if kind == "living":
            living.add(thing, number)
        elif kind == "values":
            values.add(number, thing)
        else:
            cached(thing)
    del thing
    assert python_calls(things.clear) == []


def test_no_python_code_runs_when_a_compiled_function_dies(capsys):
    def function(x):
        y = np.sin(x) * 2
        print(y.sum())
        for k in range(3):
            y = y + k
            print(y.sum())
        return np.cos(y)

    functions = [jitflow.compile(function)]
    functions[0](np.arange(5.0))
    del function
    assert python_calls(functions.clear) == []


def test_no_python_code_runs_when_a_marked_array_dies():
    arrays = [np.arange(5.0)]
    jitflow.mark_dynamic(arrays[0], 0)
    assert python_calls(arrays.clear) == []


def compiled_with_references():
    """A compiled function, and weak references to it and to what its guards name."""
    big, namespace = np.zeros(1000), {"np": np}
    exec("def scale(x):\n    return np.exp(x) * 2\n", namespace)

    def function(x, scale=namespace["scale"]):
        return scale(x) + big.sum()

    compiled = jitflow.compile(function)
    compiled(np.arange(3.0))
    compiled(np.ones((2, 2)))
    return compiled, [*map(weakref.ref, (compiled, function, namespace["scale"], big))]


def test_what_the_journal_shows_dies_with_the_function():
    compiled, references = compiled_with_references()
    assert compiled.report().pieces
    del compiled
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_a_function_that_its_guards_name_dies():
    namespace = {}
    exec("def f(x, n):\n    return f(x + 1, n - 1) if n else x\n", namespace)
    namespace["f"] = jitflow.compile(namespace["f"])
    namespace["f"](np.arange(3.0), 3)
    reference = weakref.ref(namespace["f"])
    del namespace
    gc.collect()
    assert reference() is None


def test_a_report_of_before_a_reset_stays():
    compiled = jitflow.compile(lambda x: x + 1)
    compiled(np.arange(3.0))
    before = compiled.report()
    jitflow.reset()
    assert (before.pieces, compiled.report().pieces) == (1, 0)
    compiled(np.arange(3.0))
    del before
    assert compiled.report().pieces == 1
