"""``copy`` of `numpy.array` and `numpy.asarray`: always, if needed, never."""

import numpy as np
import pytest

import jitflow

MODES = (False, np.False_, None, True, np.True_, *np._CopyMode)
VALUES = (
    1,
    1.5,
    1j,
    np.float64(2),
    np.zeros(()),
    np.ones(3),
    np.ones(3, int),
    [1, 2],
    [np.ones(2)],
)


def array(x, copy):
    return np.array(x, copy=copy)


def array_of_integers(x, copy):
    return np.array(x, dtype=np.int64, copy=copy)


def asarray(x, copy):
    return np.asarray(x, copy=copy)


def seen(function, x, copy):
    try:
        found = function(x, copy)
    except Exception as error:
        return type(error), str(error)
    shares = isinstance(x, np.ndarray) and np.shares_memory(found, x)
    return found is x, shares, found.dtype, found.tolist()


@pytest.mark.filterwarnings("ignore:Casting complex")
@pytest.mark.parametrize("function", [array, array_of_integers, asarray])
@pytest.mark.parametrize("value", range(len(VALUES)))
def test_copy(function, value):
    compiled = jitflow.compile(function)
    with jitflow.config().override(trace_everything=True):
        for copy in MODES:
            assert seen(compiled, VALUES[value], copy) == seen(function, VALUES[value], copy)
