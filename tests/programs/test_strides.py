"""Memory order of results where axes have one element, operands are cast or are repeated."""

import numpy as np
import pytest

import jitflow

X = np.arange(1.0, 13.0)
ARRAYS = {
    "rows apart": X.reshape(3, 4)[:, None, :],
    "transposed": X.reshape(4, 3).T[:, None, :],
    "first axis last": X.reshape(1, 3, 4).transpose(2, 0, 1),
    "columns": np.asfortranarray(X.reshape(3, 1, 4)),
    "one plane": np.asfortranarray(X[:8].reshape(1, 2, 4)),
    "repeated": np.broadcast_to(X.reshape(3, 1, 4), (2, 3, 1, 4)),
    "backwards": X.reshape(1, 3, 4)[..., ::-1],
}


def same(x):
    return -x, x + x, np.clip(x, 1, 2.5), np.where(x > 2, x, 1)


def cast(x):
    single, small = x.astype("f4"), x.astype("i1")
    return np.asarray(0.5) / single, x + single, np.clip(small, 1, 2.5), small == 2.5


def sums(x):
    return (
        np.einsum("...i,...i->...", x, x),
        np.einsum("...i,...i->...i", x, x),
        x.sum(axis=0, keepdims=True),
    )


@pytest.mark.parametrize("program", [same, cast, sums], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ARRAYS)
def test_strides_are_those_of_eager_numpy(check, program, name):
    check(program, (ARRAYS[name],))


@pytest.mark.parametrize("text", ["abcd,befg->gacefd", "ab,bc,cd->dcba", "abcd,cdef->feba"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_results_of_einsum_lie_in_memory_as_numpys(text, order):
    rng = np.random.default_rng(0)
    extents = dict(zip("abcdefg", (1, 5, 4, 6, 2, 7, 9), strict=True))
    shapes = [[extents[label] for label in labels] for labels in text.split("->")[0].split(",")]
    operands = [np.asarray(rng.standard_normal(shape), order=order) for shape in shapes]

    def function(operands):
        return np.einsum(text, *operands)

    compiled = jitflow.compile(function)
    expected, found = function(operands), compiled(operands)
    np.testing.assert_allclose(found, expected)
    assert found.strides == expected.strides
    assert compiled.report().breaks == 0
