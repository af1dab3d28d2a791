"""Native calls that run again as Python: watched, and left to Python where that is faster."""

import numpy as np
import pytest

import jitflow
from jitflow.runtime.watch import Watch


def powers(n):
    total = 0
    for k in range(n):
        total += 3**k % 1000
    return total


def logarithms(x):
    return np.log(x) - np.sqrt(x)


def eager_codes(compiled):
    return {code for code, _ in compiled.report().journal.eager}


def test_calls_lost_again_and_again_are_watched():
    watch = Watch()
    assert [watch.note_lost((5,), {}) for _ in range(8)] == [False] * 7 + [True]
    assert not watch.note_lost((5,), {})


def test_lost_calls_of_other_sizes_count_apart():
    watch = Watch()
    assert not any(watch.note_lost((2**k,), {}) for k in range(20))


@pytest.mark.parametrize("is_eager", [True, False])
def test_a_period_ends_by_what_most_calls_were(is_eager):
    watch = Watch()
    while not watch.note_lost((1,), {}):
        pass
    assert [watch.is_due(is_eager) for _ in range(512)] == [False] * 511 + [True]
    assert watch.look_again() is is_eager
    assert watch.is_on is is_eager


def test_an_entry_that_misses_says_so_once():
    watch = Watch()
    assert not watch.is_trying()
    assert watch.run(lambda x: (watch.is_trying(), watch.is_trying(), x), (3,), {}) == (
        True,
        False,
        3,
    )
    assert not watch.is_trying()


def test_calls_of_itself_while_it_is_watched():
    @jitflow.compile
    def nested(x, n):
        root = np.sqrt(x)
        return root if n == 0 else root + nested(x, n - 1)

    bad, good = np.array([-1.0, 4.0]), np.array([4.0, 9.0])
    with pytest.warns(RuntimeWarning):
        for _ in range(20):
            assert np.isnan(nested(bad, 0)[0])
    for depth in range(40):
        np.testing.assert_array_equal(nested(good, depth), np.sqrt(good) * (depth + 1))


def test_an_overflow_each_time_is_left_to_python():
    compiled = jitflow.compile(powers)
    assert [compiled(60) for _ in range(40)] == [powers(60)] * 40
    assert {"JF-B020", "JF-B021"} == eager_codes(compiled)
    lost = sum(count for (code, _), count in compiled.report().journal.eager.items())
    assert lost < 20
    assert [compiled(n) for n in range(20, 36)] == [powers(n) for n in range(20, 36)]


def test_calls_without_loss_become_native_again():
    compiled = jitflow.compile(logarithms)
    bad, good = np.array([-1.0, 2.0]), np.array([1.0, 2.0])
    with pytest.warns(RuntimeWarning):
        for _ in range(40):
            compiled(bad)
    for _ in range(2000):
        result = compiled(good)
    np.testing.assert_array_equal(result, logarithms(good))
    events = len(compiled.report().journal.eager)
    with pytest.warns(RuntimeWarning):
        compiled(bad)
    assert len(compiled.report().journal.eager) == events


def test_another_kind_of_arguments_while_watched():
    compiled = jitflow.compile(logarithms)
    bad = np.array([-1.0, 2.0])
    with pytest.warns(RuntimeWarning):
        for _ in range(20):
            compiled(bad)
    for dtype in (np.float32, np.int64, np.float64):
        x = np.ones(5, dtype)
        result = compiled(x)
        assert result.dtype == logarithms(x).dtype
        np.testing.assert_array_equal(result, logarithms(x))
    with pytest.raises(TypeError, match="missing 1 required"):
        compiled()
