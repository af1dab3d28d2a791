"""Records of the linear algebra that NumPy's own C loops compute, called by address.

The functions of `numpy.linalg` are generalised ufuncs, whose loops are C functions over strided
memory: they copy their operands, call LAPACK and put the result where it belongs. So a call of one
gives NumPy's numbers, whatever LAPACK it was built with. They need no Python.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import C128, F64, DType
from jitflow.core.errors import CheckFailed
from jitflow.core.types import ArrayType
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.samples import random_values

DTYPES = (F64, C128)
"""NumPy computes in these, whatever the operands are."""

_CODES = {F64: "d", C128: "D"}


@dataclass(frozen=True)
class Loop:
    """A loop of a ufunc: ``void (char **arrays, intp *extents, intp *steps, void *no_data)``."""

    symbol: str
    address: int


@dataclass(frozen=True)
class LibraryFunction:
    """A generalised ufunc of `numpy.linalg`, whose matrices have the core axes of `signature`.

    Attributes
    ----------
    name : str
        In NumPy's module of them.
    signature : tuple of str
        The letters of the axes of each operand, and last of the result.
    fails : bool
        Whether the loop tells by the flag "invalid" that there is no result. It clears the others;
        else its flags are those of the call.
    """

    name: str
    signature: tuple[str, ...]
    fails: bool = True

    def loop(self, dtype: DType) -> Loop | None:
        """The loop for a dtype; None where NumPy has it in no place that we know."""
        return _loops(self.name).get(_CODES[dtype] * (len(self.signature) - 1))

    def extents(self, types: Types) -> tuple[Dim, ...]:
        """The extents of the axes, in the order in which the signature names them first."""
        found: dict[str, Dim] = {}
        for letters, type_ in zip(self.signature, types, strict=False):
            found.update(zip(letters, type_.shape, strict=True))
        return tuple(found.values())


class _Head(ctypes.Structure):
    """What a ufunc has behind the head of an object (``PyUFuncObject`` in ``ufuncobject.h``)."""

    _fields_ = (
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_byte)),
    )


@functools.cache
def _loops(name: str) -> dict[str, Loop]:
    """The loops of a ufunc by the codes of their operands; none if it is not laid out as we know.

    What the memory says must be what the ufunc says of itself before a pointer in it is used.
    """
    ufunc: Any = getattr(getattr(np.linalg, "_umath_linalg", None), name, None)
    if not isinstance(ufunc, np.ufunc):
        return {}
    head = _Head.from_address(id(ufunc) + object.__basicsize__)
    if (head.nin, head.nout, head.nargs) != (ufunc.nin, ufunc.nout, ufunc.nargs):
        return {}
    if head.ntypes != ufunc.ntypes or not (head.functions and head.types):
        return {}
    found: dict[str, Loop] = {}
    for row, types in enumerate(ufunc.types):
        taken, _, _ = types.partition("->")
        numbers = [head.types[row * ufunc.nargs + k] for k in range(ufunc.nargs)]
        if numbers != [np.dtype(code).num for code in types.replace("->", "")]:
            return {}
        address = head.functions[row]
        if address and not (head.data and head.data[row]):
            found[taken] = Loop(f"numpy.{name}.{taken}", address)
    return found


def call(loop: Loop, extents: Sequence[Any], arrays: tuple[np.ndarray, ...]) -> None:
    """Run a loop once over whole arrays, the last of which takes the result."""
    steps = [0] * len(arrays) + [step for array in arrays for step in array.strides]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
    pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    sizes = (ctypes.c_ssize_t * (1 + len(extents)))(1, *extents)
    kind(loop.address)(pointers, sizes, (ctypes.c_ssize_t * len(steps))(*steps), None)


@functools.cache
def is_known(name: str, dtype: DType) -> bool:
    """Whether the loop of an operator is where we think: it is tried on a small matrix."""
    record = _RECORDS[name]
    function: LibraryFunction = record.extra["function"]
    loop = function.loop(dtype)
    if loop is None:
        return False
    operands = _samples(function, np.random.default_rng(0), dtype)
    expected = record.numpy(*operands)
    result = np.full(expected.shape, 7, expected.dtype)
    extents = function.extents(tuple(ArrayType(dtype, operand.shape) for operand in operands))
    with np.errstate(all="ignore"):
        call(loop, extents, (*operands, result))
    return bool(np.array_equal(result, expected))


def _samples(
    function: LibraryFunction, rng: np.random.Generator, dtype: DType, size: int = 4
) -> tuple[np.ndarray, ...]:
    """A matrix that every function takes, and the right-hand sides of those that have one."""
    root = random_values(rng, dtype, (size, size), -1, 1)
    matrix = root @ root.conj().T + np.eye(size).astype(dtype.numpy)
    lengths = {"m": size, "n": 3}
    rest = [tuple(lengths[letter] for letter in axes) for axes in function.signature[1:-1]]
    return matrix, *(random_values(rng, dtype, shape, -1, 1) for shape in rest)


_RECORDS: dict[str, Operator] = {}


def _make(
    name: str, parameters: str, function: LibraryFunction, numpy: Callable[..., Any], doc: str
) -> None:
    names = tuple(parameters.split())
    *taken, given = function.signature

    def infer(types: Types, attributes: Attributes) -> Types:
        dtype = types[0].dtype
        if dtype not in DTYPES or any(type_.dtype is not dtype for type_ in types):
            raise TypeError(f"{name} takes f64 or c128, not {', '.join(map(str, types))}")
        extents: dict[str, Dim] = {}
        for axes, type_ in zip(taken, types, strict=True):
            if type_.rank != len(axes):
                raise TypeError(f"{name} of rank {type_.rank}: it takes rank {len(axes)}")
            for letter, extent in zip(axes, type_.shape, strict=True):
                if extents.setdefault(letter, extent) != extent:
                    raise TypeError(f"{name} of {', '.join(map(str, types))}: extents differ")
        return (ArrayType(dtype, tuple(extents[letter] for letter in given)),)

    def meaning(*operands: Any) -> Any:
        try:
            return numpy(*operands)
        except np.linalg.LinAlgError as error:
            raise CheckFailed(str(error)) from None

    _RECORDS[name] = register(
        Operator(
            name,
            Kind.LIBRARY,
            names,
            infer,
            meaning,
            cost=20,
            checks=function.fails,
            samples=lambda rng, dtype, shape: _samples(function, rng, dtype),
            extra={"dtypes": DTYPES, "function": function},
            doc=doc,
        )
    )


_make(
    "solve", "a b", LibraryFunction("solve", ("mm", "mn", "mn")), np.linalg.solve,
    "The matrix x with a @ x = b; a singular matrix fails.",
)  # fmt: skip
_make(
    "solve_vector", "a b", LibraryFunction("solve1", ("mm", "m", "m")), np.linalg.solve,
    "The vector x with a @ x = b; a singular matrix fails.",
)  # fmt: skip
_make(
    "inverse", "a", LibraryFunction("inv", ("mm", "mm")), np.linalg.inv,
    "The inverse of a matrix; a singular one fails.",
)  # fmt: skip
_make(
    "cholesky_lower", "a", LibraryFunction("cholesky_lo", ("mm", "mm")), np.linalg.cholesky,
    "The lower factor of a matrix, zero above; one that is not positive definite fails.",
)  # fmt: skip
_make(
    "cholesky_upper", "a", LibraryFunction("cholesky_up", ("mm", "mm")),
    lambda a: np.linalg.cholesky(a, upper=True),
    "The upper factor of a matrix, zero below; one that is not positive definite fails.",
)  # fmt: skip
_make(
    "determinant", "a", LibraryFunction("det", ("mm", ""), fails=False), np.linalg.det,
    "The determinant of a matrix.",
)  # fmt: skip
