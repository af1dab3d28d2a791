"""Index maps of views, against NumPy on an array that holds its own positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen import access
from jitflow.codegen.access import Affine, variable
from jitflow.core.dims import symbol
from jitflow.ops.record import operator

VIEWS: list[tuple[tuple[int, ...], str, dict[str, Any]]] = [
    ((3, 4), "transpose", {"axes": (1, 0)}),
    ((2, 3, 4), "transpose", {"axes": (2, 0, 1)}),
    ((5, 6), "slice", {"starts": (1, 5), "steps": (2, -1), "shape": (2, 6)}),
    ((4,), "broadcast", {"shape": (3, 4)}),
    ((3, 1), "broadcast", {"shape": (2, 3, 5)}),
    ((3, 1, 4), "squeeze", {"axes": (1,)}),
    ((3, 4), "expand_dims", {"axes": (0, 3)}),
    ((4, 6), "diagonal", {"offset": 2, "axis1": 0, "axis2": 1}),
    ((4, 6), "diagonal", {"offset": -1, "axis1": 1, "axis2": 0}),
    ((5, 6), "strided", {"axes": (0, 1, 0, 1), "steps": (1,) * 4, "shape": (3, 4, 3, 3)}),
    ((7, 4), "strided", {"axes": (1, 0, 0), "steps": (1, 3, 1), "shape": (4, 2, 3)}),
    ((2, 12), "reshape", {"shape": (2, 3, 4)}),
    ((12, 1, 2), "reshape", {"shape": (3, 4, 2, 1)}),
]


@pytest.mark.parametrize(("shape", "name", "attributes"), VIEWS)
def test_a_view_addresses_the_elements_that_numpy_gives(
    shape: tuple[int, ...], name: str, attributes: dict[str, Any]
) -> None:
    base = np.arange(np.prod(shape)).reshape(shape)
    expected = operator(name).numpy(base, **attributes)
    assert access.view_shape(name, attributes, shape) == expected.shape or name == "reshape"
    layout = access.contiguous(shape, 1)
    variables = tuple(variable(f"i{k}") for k in range(expected.ndim))
    inside = access.view_index(name, attributes, shape, expected.shape, variables)
    assert inside is not None
    address = layout.address(inside)
    for index in np.ndindex(expected.shape):
        at = address.replace({f"i{k}": Affine(c) for k, c in enumerate(index)})
        assert at.constant == expected[index]


def test_a_reshape_that_merges_axes_is_not_affine() -> None:
    assert access.view_index("reshape", {}, (3, 4), (12,), (variable("i"),)) is None


def test_a_reshape_that_merges_symbolic_axes_apart_from_others_keeps_those() -> None:
    n, m = symbol("n"), symbol("m")
    index = tuple(map(variable, "ijk"))
    found = access.view_index("reshape", {}, (n * m, 8), (n, m, 8), index)
    assert found is not None
    assert [str(component) for component in found] == ["m*i + j", "k"]


def test_equal_terms_cancel() -> None:
    assert variable("i") + variable("i").scaled(-1) == Affine(0)


def test_contiguous_in_a_memory_order() -> None:
    assert access.contiguous((3, 4, 5), 2, (2, 0, 1)).strides == (8, 2, 24)
