"""Each kind of guard: it holds, it fails with a sentence in the user's names."""

from collections import defaultdict

import numpy as np
import pytest

from jitflow.core import dims, dtypes
from jitflow.guards import predicates as p
from jitflow.guards.explain import Evaluator, first_failure
from jitflow.guards.sources import (
    AttributeSource,
    ConstantSource,
    GlobalSource,
    ItemSource,
    StateSource,
)

X = StateSource(0, "x")


class Thing:
    def method(self):
        return 1


def explain(guard, *state):
    failure = first_failure([guard], [], state)
    return None if failure is None else failure.reason


@pytest.mark.parametrize(
    ("guard", "good", "bad", "words"),
    [
        (p.TypeIs(X, list), [1], (1,), "type of `x`: expected list, got tuple"),
        (p.IsObject(X, None), None, 0, "`x` is another object than None: 0"),
        (p.Equals(X, 8), 8, 16, "`x`: expected 8, got 16"),
        (p.Equals(X, 1), 1, True, "`x`: expected 1, got True"),
        (p.Equals(X, 0.0), 0.0, -0.0, "`x`: expected 0.0, got -0.0"),
        (p.Equals(X, float("nan")), float("nan"), 1.0, "`x`: expected nan, got 1.0"),
        (p.Equals(X, "relu"), "relu", "gelu", "`x`: expected 'relu', got 'gelu'"),
        (p.LengthIs(X, 2), [1, 2], [1], "`len(x)`: expected 2, got 1"),
        (
            p.KeysAre(X, ("a", "b")),
            {"a": 1, "b": 2},
            {"b": 1, "a": 2},
            "keys of `x`: expected ('a', 'b'), got ('b', 'a')",
        ),
        (p.HasNoItem(X, "w"), {}, {"w": 1}, "`x` now has 'w'"),
    ],
)
def test_guard(guard, good, bad, words):
    assert explain(guard, good) is None
    assert explain(guard, bad) == words


def test_paths_are_named_as_the_user_names_them():
    source = AttributeSource(ItemSource(AttributeSource(X, "layers"), 3), "w")
    assert str(source) == "x.layers[3].w"
    thing = Thing()
    thing.layers = [None, None, None, Thing()]
    assert "`x.layers[3].w` cannot be read: AttributeError" in explain(p.TypeIs(source, int), thing)


def test_globals_and_classes():
    namespace = {"scale": 2}
    source = GlobalSource(ConstantSource(namespace, "globals"), "scale")
    guard = p.Equals(source, 2)
    assert explain(guard) is None
    namespace["scale"] = 3
    assert explain(guard) == "`scale`: expected 2, got 3"
    found = p.SearchesClass(ConstantSource(Thing, "Thing"), "method", Thing.__dict__["method"])
    missing = p.SearchesClass(ConstantSource(Thing, "Thing"), "other", p.MISSING)
    assert explain(found) is None
    assert explain(missing) is None
    original = Thing.method
    Thing.method = lambda self: 2
    try:
        assert explain(found) == "`Thing.method` was replaced on the class"
    finally:
        Thing.method = original


def test_integers_that_change_become_dynamic():
    failure = first_failure([p.Equals(X, 8)], [], (9,))
    assert failure.dynamic == {"x"}
    fact = p.ArrayFact(X, dtypes.F32, (8, 3))
    failure = first_failure([], [fact], (np.zeros((9, 3), np.float32),))
    assert failure.reason == "`x.shape[0]`: expected 8, got 9"
    assert failure.dynamic == {"x.shape[0]"}


def test_integers_that_change_are_found_behind_keys_that_change():
    state = AttributeSource(X, "state")
    count = AttributeSource(X, "count")
    thing = Thing()
    thing.state, thing.count = {"w": 1}, 2
    guards = [p.KeysAre(state, ()), p.Equals(count, 1)]
    failure = first_failure(guards, [], (thing,))
    assert failure.reason == "keys of `x.state`: expected (), got ('w',)"
    assert failure.dynamic == {"x.count"}
    guards = [p.TypeIs(X, list), p.Equals(count, 1)]  # nothing is asked of another type
    assert first_failure(guards, [], (thing,)).dynamic == frozenset()


def test_an_explanation_makes_no_items():
    found = defaultdict(int, {1: 4})
    guards = [p.KeysAre(X, (0,)), p.Equals(ItemSource(X, 0), 7)]
    failure = first_failure(guards, [], (found,))
    assert failure.reason == "keys of `x`: expected (0,), got (1,)"
    assert found == {1: 4}


def test_array_facts():
    s0 = dims.symbol("s0")
    fact = p.ArrayFact(X, dtypes.F32, (s0, s0), writeable=True)
    good = np.zeros((3, 3), np.float32)
    assert first_failure([], [fact], (good,)) is None
    wrong = {
        "type of `x`": [1],
        "`x.dtype`": np.zeros((3, 3)),
        "`x.ndim`": np.zeros(3, np.float32),
        "`x.shape[1]`": np.zeros((3, 4), np.float32),
        "strides of `x`": np.zeros((3, 3), np.float32).T[::-1],
    }
    for words, value in wrong.items():
        assert words in first_failure([], [fact], (value,)).reason
    good.flags.writeable = False
    assert "read-only" in first_failure([], [fact], (good,)).reason


def test_overlap_and_relations():
    y = StateSource(1, "y")
    base = np.zeros(10)
    guard = p.NoOverlap(X, y)
    assert explain(guard, base[:5], base[5:]) is None
    assert explain(guard, base[:6], base[5:]) == "`x` and `y` overlap in memory"
    fact = p.ArrayFact(X, dtypes.F64, (dims.symbol("s0"),))
    small = p.Relation(X, dims.symbol("s0"), "<=", 8)
    assert first_failure([small], [fact], (np.zeros(8),)) is None
    assert "s0 <= 8" in first_failure([small], [fact], (np.zeros(9),)).reason


def test_evaluator_reads_each_source_once():
    class Counting:
        reads = 0

        @property
        def w(self):
            Counting.reads += 1
            return 5

    evaluator = Evaluator((Counting(),))
    source = AttributeSource(X, "w")
    assert evaluator.value(source) == 5
    assert evaluator.holds(p.Equals(source, 5))
    assert Counting.reads == 1
