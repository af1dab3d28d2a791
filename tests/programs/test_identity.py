"""Which results are one object, which share memory, and which do not."""

import numpy as np
import pytest

import jitflow

A, B = np.ones((3, 3)), np.arange(9.0).reshape(3, 3)


def copies_of_computed(a, b):
    y = a + b
    z = y.copy()
    return y, z, y, np.copy(y), y.T.copy(), z[1:]


def copies_around_a_call_out(a, b):
    y = a + b
    z = y.copy()
    return np.fft.fft(z), y, z


def copies_of_inputs(a, b):
    y, z = a.copy(), a.copy()
    a[0] = b[1]
    z[1] = 7
    return y, z, a, a.T


def fresh_constants(a, b):
    return np.zeros(3), np.zeros(3), np.ones(3) + 0, b.copy()


def structure(values):
    """Pairs that are the same object, and pairs that share memory."""
    pairs = [(i, j) for i in range(len(values)) for j in range(i)]
    same = [pair for pair in pairs if values[pair[0]] is values[pair[1]]]
    return same, [p for p in pairs if np.shares_memory(values[p[0]], values[p[1]])]


@pytest.mark.parametrize(
    "function", [copies_of_computed, copies_around_a_call_out, copies_of_inputs, fresh_constants]
)
def test_results_are_the_objects_that_they_were(function, backend):
    compiled = jitflow.compile(function, backend=backend)
    for _ in range(2):
        expected, got = function(A.copy(), B), compiled(A.copy(), B)
        assert structure(got) == structure(expected)
        for left, right in zip(expected, got, strict=True):
            np.testing.assert_allclose(right, left)


def test_same_object_as_numpy_gives(check):
    def f(x, items):
        return np.diff(x, n=0) is x, np.diff(items, n=0) is items, np.squeeze([[[1.5]]])

    check(f, (B, [1, 2]))


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="all results warn, broadcast or not"
)
def test_broadcast_arrays_warn_when_written(check):
    def f(x):
        first, second = np.broadcast_arrays(0, x)
        return first.flags.writeable, second.flags.writeable, first + 1

    check(f, (B,))


def test_callable(check):
    class Plain:
        pass

    def f(*values):
        return [callable(value) for value in values], np.zeros(2) + len(values)

    check(f, ([1], (1,), {}, Plain(), np.sum, len, lambda: 1, 2.0, Plain))


def test_one_number_of_several_types(check):
    def f(z):
        return z + 1, z[()], np.sum(z), [float(z)], z.item(), z.copy()

    check(f, (np.array(3.0),), (np.array(3, np.int8),), (np.array(2j),))
