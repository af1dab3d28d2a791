"""Records of linear algebra: types, and the loops of NumPy against NumPy's functions."""

import numpy as np
import pytest

from jitflow.core import dims
from jitflow.core.dtypes import C128, F32, F64
from jitflow.core.errors import CheckFailed
from jitflow.core.types import ArrayType
from jitflow.ops import linalg
from jitflow.ops.record import Kind, operator, operators

RECORDS = [record for record in operators() if record.kind is Kind.LIBRARY]
N, M = dims.symbol("n"), dims.symbol("m")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
@pytest.mark.parametrize("dtype", linalg.DTYPES, ids=str)
def test_loops_give_what_functions_give(record, dtype):
    assert linalg.is_known(record.name, dtype)
    function, rng = record.extra["function"], np.random.default_rng(4)
    for size in (1, 2, 9):
        operands = linalg._samples(function, rng, dtype, size)
        expected = record.numpy(*operands)
        result = np.zeros(expected.shape[::-1], expected.dtype).T
        types = tuple(ArrayType(dtype, operand.shape) for operand in operands)
        linalg.call(function.loop(dtype), function.extents(types), (*operands, result))
        np.testing.assert_array_equal(result, expected)
        assert record.infer(types, {})[0].shape == expected.shape


def test_types():
    matrix = ArrayType(F64, (N, N))
    assert operator("solve").infer((matrix, ArrayType(F64, (N, M))), {})[0].shape == (N, M)
    assert operator("determinant").infer((matrix,), {}) == (ArrayType(F64),)
    for operands, message in (
        ((ArrayType(F32, (2, 2)),), "takes f64 or c128"),
        ((ArrayType(F64, (N, M)),), "extents differ"),
        ((ArrayType(C128, (2, 2, 2)),), "rank 3: it takes rank 2"),
    ):
        with pytest.raises(TypeError, match=message):
            operator("inverse").infer(operands, {})
    with pytest.raises(TypeError, match="takes f64 or c128"):
        operator("solve_vector").infer((matrix, ArrayType(C128, (N,))), {})


def test_what_has_no_result_fails():
    with pytest.raises(CheckFailed, match="Singular matrix"):
        operator("inverse").numpy(np.zeros((2, 2)))
    with pytest.raises(CheckFailed, match="not positive definite"):
        operator("cholesky_upper").numpy(-np.eye(2))
    assert operator("determinant").numpy(np.zeros((2, 2))) == 0


def test_a_ufunc_that_is_laid_out_otherwise_is_not_known(monkeypatch):
    linalg._loops.cache_clear()
    assert linalg._loops("inv").keys() >= {"d", "D"}
    assert linalg._loops("no_such_function") == {}
    monkeypatch.setattr(linalg._Head, "from_address", lambda address: linalg._Head(1, 1, 2, 0))
    linalg._loops.cache_clear()
    assert linalg._loops("inv") == {}
    linalg._loops.cache_clear()
