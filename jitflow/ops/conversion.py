"""Records of choice and of changes of dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL, BOOL, COMPLEX, F32, F64, DType
from jitflow.core.types import ArrayType
from jitflow.ops import bodies, shapes
from jitflow.ops.kinds import Types, complex_of, elementwise, real_part
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.samples import interesting, mixed


def _infer_where(types: Types, attributes: Attributes) -> Types:
    condition, x, y = types
    if condition.dtype is not BOOL or x.dtype is not y.dtype:
        raise TypeError(f"where does not take {condition.dtype}, {x.dtype}, {y.dtype}")
    return (ArrayType(x.dtype, shapes.broadcast(condition.shape, x.shape, y.shape)),)


def _where_samples(rng: np.random.Generator, dtype: DType, shape: Any) -> tuple[np.ndarray, ...]:
    return rng.random(shape) < 0.5, mixed(rng, dtype, shape), mixed(rng, dtype, shape)


def _choose(e: Any, condition: Any, x: Any, y: Any) -> Any:
    """NumPy computes both operands wholly, with their warnings."""
    return bodies.select(e, condition, e.settled(x), e.settled(y))


where = register(
    Operator(
        "where",
        Kind.ELEMENTWISE,
        ("condition", "x", "y"),
        _infer_where,
        np.where,
        cpu=_choose,
        samples=_where_samples,
        extra={"dtypes": ALL},
        doc="x where the condition holds, else y.",
    )
)


def _infer_cast(types: Types, attributes: Attributes) -> Types:
    (operand,) = types
    return (operand.with_dtype(attributes["dtype"]),)


cast = register(
    Operator(
        "cast",
        Kind.ELEMENTWISE,
        ("x",),
        _infer_cast,
        lambda x, *, dtype: np.asarray(x).astype(dtype.numpy),
        attributes=("dtype",),
        cpu=lambda e, x, *, dtype: e.cast(x, dtype),
        samples=interesting(1),
        extra={"dtypes": ALL, "linear": (0,)},
        doc="The operand converted by `astype`.",
    )
)

real = elementwise(
    "real", "z", dtypes=COMPLEX, result=real_part, numpy=lambda z: np.asarray(z).real.copy(),
    cpu=lambda e, z: e.real(e.whole(z)), doc="Real part.",
)  # fmt: skip

imag = elementwise(
    "imag", "z", dtypes=COMPLEX, result=real_part, numpy=lambda z: np.asarray(z).imag.copy(),
    cpu=lambda e, z: e.imaginary(e.whole(z)), doc="Imaginary part.",
)  # fmt: skip


def _complex(real: Any, imaginary: Any) -> np.ndarray:
    real, imaginary = np.broadcast_arrays(real, imaginary)
    result = np.empty(real.shape, np.complex64 if real.dtype == np.float32 else np.complex128)
    result.real, result.imag = real, imaginary
    return result


make_complex = elementwise(
    "complex", "real imaginary", dtypes=(F32, F64), result=complex_of, numpy=_complex,
    cpu=lambda e, x, y: e.complex(x, y), doc="Complex value of two parts.",
)  # fmt: skip
