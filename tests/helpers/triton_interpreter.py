"""Runs generated Triton kernels on NumPy arrays in Triton's interpreter, in this process.

``TRITON_INTERPRET=1`` must be set before Triton is imported. What the interpreter lacks is put in:
arrays of NumPy as arguments, f64 scalars, libdevice, folds by functions of one's own in reasonable
time.
"""

from __future__ import annotations

import hashlib
import linecache
import math
import os
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

assert os.environ.get("TRITON_INTERPRET") == "1", "TRITON_INTERPRET must be set"

import triton.language as tl  # noqa: E402
from triton.runtime import interpreter  # noqa: E402
from triton.runtime.interpreter import TensorHandle  # noqa: E402


def load(source: str, name: str) -> Any:
    """The function `name` of a generated module, with libdevice put in."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    file = f"<jitflow-{digest}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    module = types.ModuleType(f"jitflow_{digest}")
    module.__file__ = file
    exec(compile(source, file, "exec"), module.__dict__)
    module.__dict__["libdevice"] = LibDevice()
    return module.__dict__[name]


class Pointer:
    """The memory of an array from a byte offset on, as an argument of a kernel."""

    def __init__(self, address: int, dtype: str, keep: Any) -> None:
        self.address, self.dtype, self.keep = address, dtype, keep

    def data_ptr(self) -> int:
        return self.address

    def untyped_storage(self) -> Pointer:
        return self

    def cpu(self) -> Pointer:
        return self

    def copy_(self, other: Any) -> Pointer:
        return self

    def new_empty(self, *args: Any, **options: Any) -> Pointer:
        return Pointer(self.address, self.dtype, self.keep)

    def set_(self, *args: Any) -> Pointer:
        return self

    def storage_offset(self) -> int:
        return 0

    def size(self) -> tuple[int, ...]:
        return (1,)

    def stride(self) -> tuple[int, ...]:
        return (1,)

    def element_size(self) -> int:
        return 1


def scalar(value: Any, dtype: np.dtype) -> Any:
    """A number of exactly this dtype."""
    kind = getattr(tl, {"bool": "uint8"}.get(dtype.name, dtype.name))
    array = np.array([value], np.uint8 if dtype.kind == "b" else dtype)
    return tl.tensor(TensorHandle(array, kind), kind)


# What the interpreter lacks

_erf, _erfc, _lgamma = (
    np.frompyfunc(function, 1, 1) for function in (math.erf, math.erfc, math.lgamma)
)


def _by_element(function: Any) -> Callable[[Any], Any]:
    return lambda x: function(x.astype(np.float64))


def _gamma(x: Any) -> Any:
    out = np.empty(x.shape, np.float64)
    for index, value in np.ndenumerate(x):
        try:
            out[index] = math.lgamma(value)
        except (ValueError, OverflowError):
            out[index] = math.inf
    return out


class LibDevice:
    """NumPy in the place of libdevice."""

    functions: dict[str, Callable[..., Any]] = {
        "pow": np.power, "atan2": np.arctan2, "asin": np.arcsin, "acos": np.arccos,
        "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
        "fmod": np.fmod, "erf": _by_element(_erf), "erfc": _by_element(_erfc), "lgamma": _gamma,
        "popc": lambda x: np.bitwise_count(x.view(f"u{x.itemsize}")),
    }  # fmt: skip

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = self.functions.get(name) or getattr(np, name)

        def call(*operands: Any) -> Any:
            first = operands[0]
            data = [operand.handle.data for operand in operands]
            dtype = np.dtype(np.int32) if name == "popc" else data[0].dtype
            kind = tl.int32 if name == "popc" else first.dtype
            with np.errstate(all="ignore"):
                found = np.asarray(function(*data)).astype(dtype)
            operands = [x for x in operands if x.type.is_block()]
            type = tl.block_type(kind, list(found.shape)) if operands else kind
            return tl.tensor(TensorHandle(found, kind), type)

        return call


def _tensor(data: np.ndarray, dtype: Any) -> Any:
    return tl.tensor(TensorHandle(data, dtype), tl.block_type(dtype, list(data.shape)))


def _combined(function: Any, left: list[Any], right: list[Any], dtypes: list[Any]) -> list[Any]:
    found = function.fn(
        *(_tensor(x, d) for x, d in zip(left, dtypes)),
        *(_tensor(x, d) for x, d in zip(right, dtypes)),
    )
    found = found if isinstance(found, tuple) else (found,)
    return [np.broadcast_to(x.handle.data, left[0].shape) for x in found]


def _parts(input: Any) -> tuple[list[Any], list[Any]]:
    given = input if isinstance(input, tuple) else (input,)
    return [x.handle.data for x in given], [x.dtype for x in given]


def _results(data: list[Any], dtypes: list[Any], input: Any) -> Any:
    found = tuple(_tensor(np.ascontiguousarray(x), d) for x, d in zip(data, dtypes))
    return found if isinstance(input, tuple) else found[0]


def _reduce(input: Any, axis: Any, combine_fn: Any, keep_dims: bool = False, **rest: Any) -> Any:
    """Halves of the axis, or of all of them, until one element is left."""
    data, dtypes = _parts(input)
    if axis is None:
        (number,), (dtype,) = data, dtypes
        whole = _reduce(_tensor(number.reshape(1, -1), dtype), 1, combine_fn, True)
        return tl.tensor(TensorHandle(whole.handle.data.reshape(1), dtype), dtype)
    assert keep_dims
    while data[0].shape[axis] > 1:
        half = data[0].shape[axis] // 2
        pairs = [np.split(x, 2, axis) for x in data]
        assert pairs[0][0].shape[axis] == half
        data = _combined(combine_fn, [p[0] for p in pairs], [p[1] for p in pairs], dtypes)
    return _results(data, dtypes, input)


def _scan(input: Any, axis: int, combine_fn: Any, reverse: bool = False, **rest: Any) -> Any:
    """Each element with the one `distance` before it, for distances that double."""
    data, dtypes = _parts(input)
    assert axis == 1
    distance = 1
    while distance < data[0].shape[1]:
        late = _combined(combine_fn, [np.roll(x, distance, 1) for x in data], data, dtypes)
        data = [np.concatenate([x[:, :distance], y[:, distance:]], 1) for x, y in zip(data, late)]
        distance *= 2
    return _results(data, dtypes, input)


def _widened(x: Any) -> Any:
    if x.dtype.scalar is not tl.bfloat16:
        return x
    return TensorHandle((x.data.astype(np.uint32) << 16).view(np.float32), tl.float32)


def _rounded_to_bf16(x: np.ndarray) -> np.ndarray:
    """The upper halves of f32 numbers, rounded to the nearest, to even where two are as near."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(x), (bits >> 16) | 0x40, rounded).astype(np.uint16)


def _install() -> None:
    patch_tensor = interpreter._patch_lang_tensor

    def tensor(tensor: Any, scope: Any = None) -> None:
        if scope is None:
            patch_tensor(tensor)
            tensor.__index__ = lambda self: int(self.handle.data.item())
            return
        patch_tensor(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    def reduce_scan(scope: Any = None) -> None:
        for place in (tl, tl.core):
            for name, function in (("reduce", _reduce), ("associative_scan", _scan)):
                if scope is None:
                    setattr(place, name, function)
                else:
                    scope.set_attr(place, name, function)

    def create_splat(self: Any, type: Any, x: Any) -> Any:
        # The result of a comparison says it has the dtype of what was compared.
        return TensorHandle(np.full(type.shape, x.data.item(), x.data.dtype), x.dtype.scalar)

    interpreter._patch_lang_tensor, interpreter._patch_reduce_scan = tensor, reduce_scan
    builder = interpreter.InterpreterBuilder
    builder.create_splat = create_splat
    create_dot, create_fp_trunc = builder.create_dot, builder.create_fp_trunc

    def dot(self: Any, a: Any, b: Any, d: Any, *options: Any) -> Any:
        # Numbers of bf16 are their bits.
        return create_dot(self, *(_widened(x) for x in (a, b)), d, *options)

    def fp_trunc(self: Any, x: Any, type: Any) -> Any:
        if type.scalar is tl.bfloat16 and x.dtype.scalar is tl.float32:
            return TensorHandle(_rounded_to_bf16(x.data), tl.bfloat16)
        return create_fp_trunc(self, x, type)

    builder.create_dot, builder.create_fp_trunc = dot, fp_trunc


_install()


def launch(kernel: Any, arguments: Sequence[Any], grid: tuple[int, ...], wide: bool) -> None:
    """Run a `GeneratedKernel`; the arguments are those before its constexprs."""
    if 0 in grid:
        return
    function = load(kernel.source, kernel.name)
    with np.errstate(all="ignore"):
        function[grid](*arguments, **kernel.constexprs(wide))
