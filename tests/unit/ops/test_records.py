"""Operator records: type rules, messages, NumPy meanings of the structural operators, checks."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from helpers.backends import graph_of, run_body, types_of
from helpers.compare import assert_same
from helpers.numpy_emitter import NumpyEmitter

from jitflow.core import dims
from jitflow.core.dtypes import BOOL, F16, F32, F64, I8, I64, U64
from jitflow.core.errors import CheckFailed
from jitflow.core.types import ArrayType
from jitflow.ir import interpreter
from jitflow.ops import complex_bodies
from jitflow.ops.record import Operator, operator, register

S0 = dims.symbol("s0")


def infer(name: str, *types: ArrayType, **attributes: object) -> ArrayType:
    (type,) = operator(name).infer(types, attributes)
    return type


def run(name: str, *operands: object, **attributes: object) -> np.ndarray:
    """The record's NumPy meaning through the interpreter, which checks the inferred type."""
    arrays = tuple(map(np.asarray, operands))
    (result,) = interpreter.run(graph_of(operator(name), arrays, **attributes), arrays)
    return np.asarray(result)


def test_families_of_records_are_loaded_when_they_are_needed() -> None:
    code = "import sys, jitflow.ops.record as r\n"
    code += (
        "def show(): print(*(f'jitflow.ops.{n}' in sys.modules for n in ('arithmetic', 'views')))\n"
    )
    code += "show(); r.operator('add'); show(); r.operators(); show()"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.splitlines() == ["False False", "True False", "True True"]


def test_every_record_is_listed_once_under_its_family() -> None:
    code = """
import importlib
from jitflow.ops import record, table
for family, names in table.FAMILIES.items():
    before = set(record._TABLE)
    importlib.import_module(f"jitflow.ops.{family}")
    assert set(record._TABLE) - before == set(names.split()) - before, f"list {family} in ops.table"
assert tuple(sorted(record._TABLE)) == tuple(sorted(table.NAMES))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_record_that_is_not_listed_is_found_all_the_same() -> None:
    code = "from jitflow.ops import record, table\ntable.FAMILIES['views'] = ''\n"
    code += (
        "print(record.operator('reshape').name, 'reshape' in {o.name for o in record.operators()})"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == ["reshape", "True"]
    with pytest.raises(KeyError):
        operator("no such operator")


def test_records_are_singletons_even_when_pickled() -> None:
    assert pickle.loads(pickle.dumps(operator("exp"))) is operator("exp")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register(operator("add"))


# Types


def test_elementwise_broadcasts_symbols() -> None:
    x, row = ArrayType(F64, (S0, 3)), ArrayType(F64, (3,))
    assert infer("add", x, row) == x
    assert infer("less", row, x) == ArrayType(BOOL, (S0, 3))
    assert infer("add", ArrayType(F64, (1, 3)), ArrayType(F64, (S0, 1))) == x


@pytest.mark.parametrize(
    ("name", "operands", "message"),
    [
        ("add", (ArrayType(F64), ArrayType(F32)), "add does not take f64, f32"),
        ("subtract", (ArrayType(BOOL), ArrayType(BOOL)), "subtract does not take bool"),
        ("add", (ArrayType(F64, (S0,)), ArrayType(F64, (3,))), "do not broadcast"),
        ("exp", (ArrayType(I64),), "exp does not take i64"),
        ("matmul", (ArrayType(F64, (2, 3)), ArrayType(F64, (2, 3))), "inner extents differ"),
        ("matmul", (ArrayType(F64, (3,)), ArrayType(F64, (3, 1))), "both are at least 2"),
        ("require", (ArrayType(I64),), r"require takes bool\[\]"),
        ("where", (ArrayType(F64), ArrayType(F64), ArrayType(F64)), "where does not take f64"),
    ],
)
def test_operands_that_do_not_fit(name: str, operands: tuple, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        operator(name).infer(operands, {})


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("transpose", {"axes": (0, 0)}, "repeat"),
        ("transpose", {"axes": (0,)}, "do not permute"),
        ("reshape", {"shape": (5,)}, r"cannot reshape \(2,3\) into \(5,\)"),
        ("broadcast", {"shape": (3, 3)}, "do not broadcast"),
        ("squeeze", {"axes": (1,)}, "an extent is not 1"),
        ("slice", {"starts": (0, 2), "steps": (1, 1), "shape": (2, 2)}, "leaves an axis"),
        ("slice", {"starts": (0, 0), "steps": (1, 0), "shape": (2, 1)}, "not a non-zero"),
        ("sum", {"axes": (2,), "keepdims": False}, "not all in range"),
        ("argmax", {"axes": (0, 1), "keepdims": False}, "takes one axis"),
        ("concatenate", {"axis": 2}, "not all in range"),
    ],
)
def test_attributes_that_do_not_fit(name: str, attributes: dict, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        operator(name).infer((ArrayType(F64, (2, 3)),), attributes)


def test_extremes_of_nothing_have_no_type() -> None:
    with pytest.raises(TypeError, match="zero-size array"):
        infer("max", ArrayType(F64, (0,)), axes=(0,), keepdims=False)
    with pytest.raises(TypeError, match="empty sequence"):
        infer("argmin", ArrayType(F64, (0,)), axes=(0,), keepdims=False)
    assert infer("sum", ArrayType(F64, (0,)), axes=(0,), keepdims=False) == ArrayType(F64)


def test_a_reshape_between_symbols_is_the_tracers_to_guard() -> None:
    s1 = dims.symbol("s1")
    assert infer("reshape", ArrayType(F64, (S0,)), shape=(s1, 2)).shape == (s1, 2)
    with pytest.raises(TypeError, match="cannot reshape"):
        infer("reshape", ArrayType(F64, (S0,)), shape=(S0 + 1,))


def test_mixed_signs_compare_by_value() -> None:
    left = np.array([-1, 0, 5, 2**62])
    right = np.array([2**64 - 1, 0, 4, 2**63], np.uint64)
    for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        expected = getattr(np, name)(left, right)
        assert_same(run_body(operator(name), (left, right)), expected)
        swapped = getattr(np, name)(right, left)
        assert_same(run_body(operator(name), (right, left)), swapped)
    assert infer("less", ArrayType(I64), ArrayType(U64)) == ArrayType(BOOL)


# Meanings


def test_slices_count_from_starts_by_steps() -> None:
    x = np.arange(20).reshape(4, 5)
    assert_same(run("slice", x, starts=(3, 0), steps=(-1, 2), shape=(4, 3)), x[::-1, ::2])
    assert_same(run("slice", x, starts=(0, 1), steps=(1, 1), shape=(0, 2)), x[:0, 1:3])


def test_diagonals() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    for offset in (-3, -1, 0, 1, 2, 9):
        found = run("diagonal", x, offset=offset, axis1=2, axis2=1)
        assert_same(found, np.diagonal(x, offset, 2, 1))


def test_updates_write_through_chains_of_views() -> None:
    x = np.arange(12.0).reshape(3, 4)
    columns = ("slice", {"starts": (0, 1), "steps": (1, 2), "shape": (3, 2)})
    turned = ("transpose", {"axes": (1, 0)})
    expected = x.copy()
    expected[:, 1::2].T[...] = [[1, 2, 3], [4, 5, 6]]
    value = np.array([[1.0, 2, 3], [4, 5, 6]])
    assert_same(run("update", x, value, views=(columns, turned)), expected)
    flat = x.copy()
    flat.T.flat[2:5] = -1
    steps = (turned, ("reshape", {"shape": (12,)}))
    steps += (("slice", {"starts": (2,), "steps": (1,), "shape": (3,)}),)
    assert_same(run("update", x, np.array(-1.0), views=steps), flat)
    diagonal = x.copy()
    np.fill_diagonal(diagonal, 7.0)
    view = ("diagonal", {"offset": 0, "axis1": 0, "axis2": 1})
    assert_same(run("update", x, np.array(7.0), views=(view,)), diagonal)


def test_gather_addresses_axes_in_front() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    rows, columns = np.array([[0], [2]]), np.array([-1, 1, 0])
    assert_same(
        run("gather", x, rows, columns, axes=(1, 2)), x[:, rows, columns].transpose(1, 2, 0)
    )
    with pytest.raises(IndexError):
        run("gather", x, np.array([3]), axes=(1,))


@pytest.mark.parametrize("mode", ["set", "add", "multiply", "minimum", "maximum"])
def test_scatter_combines_in_index_order(mode: str) -> None:
    base, index = np.array([5.0, 5.0, 5.0]), np.array([0, 2, 0])
    values = np.array([2.0, 3.0, 7.0])
    expected = {
        "set": [7, 5, 3],
        "add": [14, 5, 8],
        "multiply": [70, 5, 15],
        "minimum": [2, 5, 3],
        "maximum": [7, 5, 5],
    }[mode]
    found = run("scatter", base, values, index, axes=(0,), mode=mode)
    assert_same(found, np.array(expected, float))


def test_creation() -> None:
    assert_same(run("full", np.float32(2.5), shape=(2, 1)), np.full((2, 1), 2.5, np.float32))
    assert_same(run("iota", length=4, dtype=F16), np.arange(4).astype(np.float16))
    assert_same(run("concatenate", [[1]], [[2], [3]], axis=0), np.array([[1], [2], [3]]))


def test_call_outs_promise_their_types() -> None:
    kept = run("call_out", np.eye(2), function=np.linalg.det, types=(ArrayType(F64),), effect=False)
    assert kept == 1.0


# Checks


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_integer_division_by_zero_is_left_to_numpy(name: str) -> None:
    operands = np.array([1, 2]), np.array([1, 0])
    with pytest.raises(CheckFailed):
        run_body(operator(name), operands)


def test_the_least_integer_by_minus_one_is_left_to_numpy() -> None:
    least = np.array([np.iinfo(np.int8).min], np.int8)
    with pytest.raises(CheckFailed):
        run_body(operator("floor_divide"), (least, np.array([-1], np.int8)))
    assert_same(
        run_body(operator("remainder"), (least, np.array([-1], np.int8))), np.array([0], np.int8)
    )


@pytest.mark.parametrize("exponent", [-1, 64])
def test_integer_powers_out_of_range_are_left_to_numpy(exponent: int) -> None:
    with pytest.raises(CheckFailed):
        run_body(operator("power"), (np.array([3]), np.array([exponent])))


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("checked_add", 2**62, 2**62),
        ("checked_add", -(2**63), -1),
        ("checked_subtract", -(2**62), 2**62 + 1),
        ("checked_multiply", 2**32, 2**31),
        ("checked_multiply", -(2**63), -1),
        ("checked_left_shift", 1, 63),
        ("checked_left_shift", 1, 64),
        ("checked_left_shift", -3, 62),
        ("checked_left_shift", 1, -1),
    ],
)
def test_python_integers_that_leave_64_bits_fail(name: str, x: int, y: int) -> None:
    operands = np.array([x]), np.array([y])
    with pytest.raises(CheckFailed):
        run(name, *operands)
    with pytest.raises(CheckFailed):
        run_body(operator(name), operands)


@pytest.mark.parametrize("name", ["checked_add", "checked_subtract", "checked_multiply"])
def test_python_integers_near_the_limit_are_exact(name: str) -> None:
    operands = np.array([2**31, -(2**31), 2**40]), np.array([2**31, 2**31, 2**22])
    assert_same(run_body(operator(name), operands), run(name, *operands))


def test_left_shifts_near_the_limit_are_exact() -> None:
    operands = np.array([1, -1, -1, 0, 5]), np.array([62, 63, 0, 63, 60])
    assert_same(run_body(operator("checked_left_shift"), operands), operands[0] << operands[1])


def test_require() -> None:
    run_graph = graph_of(operator("require"), (np.array(True),))
    assert interpreter.run(run_graph, [True]) == []
    with pytest.raises(CheckFailed):
        interpreter.run(run_graph, [False])


# Bodies of reductions


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all"])
def test_identity_and_combination_fold_to_the_meaning(name: str) -> None:
    record: Operator = operator(name)
    for dtype in record.extra["dtypes"]:
        rng = np.random.default_rng(1)
        (x,) = record.samples(rng, dtype, (6,))
        if dtype.is_complex and name in ("prod", "sum"):
            continue
        total = np.array(record.identity(dtype), dtype.numpy)
        with np.errstate(all="ignore"):
            for item in x:
                total = record.cpu(NumpyEmitter(), total, np.array(item))
            expected = record.numpy(x, axes=(0,), keepdims=False)
        assert_same(total, expected, ulp=8 if name in ("sum", "prod") else 0, signs=False)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("seed", range(6))
def test_search_finds_the_first_extreme(name: str, seed: int) -> None:
    record = operator(name)
    for dtype in record.extra["dtypes"]:
        (x,) = record.samples(np.random.default_rng(seed), dtype, (9,))
        best = 0
        for position in range(1, 9):
            if record.cpu(NumpyEmitter(), np.array(x[best]), np.array(x[position])):
                best = position
        assert best == record.numpy(x, axes=(0,), keepdims=False), (dtype, x)


def test_numpy_decides_whether_complex_products_fuse() -> None:
    assert complex_bodies.numpy_fuses_products() in (True, False)
    x = np.array([1.0 + 2.0**-30 + 1j, 3.0 - 7.1j, 1e200j])
    with np.errstate(all="ignore"):
        assert_same(run_body(operator("square"), (x,)), np.square(x))


def test_types_of_operands() -> None:
    assert types_of((np.zeros((2,), np.int8),)) == (ArrayType(I8, (2,)),)
