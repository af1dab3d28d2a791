"""Arrays of lists of numbers: natively and by NumPy the same."""

import numpy as np
import pytest

from jitflow.codegen.cpu.entry_helpers import list_reader
from jitflow.core import list_arrays


class Float(float):
    pass


LISTS = [
    [],
    [1, 2, 3],
    [1.5, -0.0, float("inf"), float("nan")],
    [1, 2.0],
    [1.0, 2],
    [True, False],
    [1, True],
    [2**63 - 1, -(2**63)],
    [2**63],
    [10**40, 1],
    [Float(1.0)],
    [np.float64(1.0)],
    ["x"],
    [1.0, None],
    list(range(-500, 500)),
    (1, 2),
    np.arange(3),
    None,
]


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("items", LISTS, ids=str)
def test_native_and_numpy_agree(items, kind, monkeypatch):
    monkeypatch.setattr(list_arrays, "_readers", {})
    monkeypatch.setattr(list_arrays, "_makers", [])
    expected = list_arrays.array_of(items, kind)
    list_arrays.use(list_reader)
    found = list_arrays.array_of(items, kind)
    is_all = type(items) is list and bool(items) and all(type(x) is kind for x in items)
    if kind is int and is_all:
        is_all = all(-(2**63) <= x < 2**63 for x in items)
    assert (found is not None) == (expected is not None) == is_all
    if is_all:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        assert np.signbit(found).tolist() == np.signbit(expected).tolist()


@pytest.mark.parametrize("kind", [int, float])
def test_a_list_of_another_length(kind):
    items = [kind(1)] * 5
    memory = np.zeros(8, kind)
    address = memory.__array_interface__["data"][0]
    assert not list_reader(kind)(items, 4, address)
    assert not list_reader(kind)(items, 6, address)
    assert list_reader(kind)(items, 5, address)
    assert memory.tolist() == [1] * 5 + [0] * 3
