"""Which module has the handlers of which NumPy callables; each is loaded when first needed.

A name is a path in `numpy`; one that starts with a dot is a method of arrays. A function of NumPy
that is missing here is found all the same, by loading every family; a test keeps the table
complete.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from jitflow.tracer.numpy.table import FUNCTIONS, METHODS, Entry, by_name

FAMILIES: dict[str, str] = {
    "external": (
        "apply_over_axes argpartition argsort convolve corrcoef correlate cov digitize "
        "fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft "
        "fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn histogram2d i0 interp "
        "isin lexsort linalg.cholesky linalg.cond linalg.det linalg.eig linalg.eigh "
        "linalg.eigvals linalg.eigvalsh linalg.inv linalg.lstsq linalg.matrix_rank "
        "linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals "
        "linalg.tensorinv linalg.tensorsolve median nanmedian nanpercentile nanquantile "
        "packbits partition percentile polyder polyfit polyint quantile searchsorted sort "
        "unpackbits unwrap .argpartition .argsort .searchsorted"
    ),
    "creation": (
        "array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray astype copy "
        "empty empty_like full full_like ndarray ones ones_like zeros zeros_like .__copy__ .astype "
        ".copy"
    ),
    "patterns": "arange eye identity linspace tri",
    "reductions": (
        "all amax amin any argmax argmin count_nonzero cumprod cumsum cumulative_prod "
        "cumulative_sum max mean min prod ptp std sum var .all .any .argmax .argmin .cumprod "
        ".cumsum .max .mean .min .prod .std .sum .var"
    ),
    "shapes": (
        "atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_shapes broadcast_to "
        "diagonal expand_dims flip fliplr flipud linalg.matrix_transpose matrix_transpose "
        "moveaxis ndim ravel reshape roll rollaxis rot90 shape size squeeze swapaxes "
        "transpose .diagonal .flatten .ravel .reshape .squeeze .swapaxes .transpose"
    ),
    "joining": (
        "append array_split block column_stack concatenate dsplit dstack hsplit hstack "
        "indices meshgrid pad repeat split stack tile unstack vsplit vstack .repeat"
    ),
    "products": (
        "cross dot inner kron linalg.outer linalg.tensordot linalg.vecdot matmul outer "
        "tensordot trace vdot vecdot .dot .trace"
    ),
    "clipping": "clip .clip",
    "selection": (
        "allclose angle around array_equal choose copyto diag diagflat fill_diagonal fix imag "
        "isclose iscomplexobj isneginf isposinf isrealobj nan_to_num put_along_axis putmask "
        "real round select take take_along_axis tril triu vander where .choose .conj "
        ".conjugate .fill .round .take"
    ),
    "statistics": (
        "average diff ediff1d nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmin "
        "nanprod nanstd nansum nanvar trapezoid"
    ),
    "histograms": "histogram",
    "linalg": "linalg.matrix_power linalg.norm linalg.vector_norm",
    "einsum": "einsum",
    "sorting": (
        "delete logspace place polyval put trim_zeros unique_all unique_counts unique_inverse "
        "unique_values .partition .put .sort"
    ),
    "dependent": (
        "argwhere bincount compress extract flatnonzero intersect1d nonzero setdiff1d "
        "setxor1d union1d unique .compress .nonzero"
    ),
    "random": "random.RandomState random.default_rng random.seed",
    "windows": "lib.stride_tricks.as_strided lib.stride_tricks.sliding_window_view",
    "slopes": "gradient",
    "frequencies": "fft.fftfreq fft.fftshift fft.ifftshift fft.rfftfreq",
    "editing": "insert unravel_index",
    "questions": "isscalar iterable result_type",
}
_PACKAGES = ("fft", "random", "polynomial")
"""Parts of NumPy that it loads itself when they are first used: not by looking for their names."""


def function_entry(function: Any) -> Entry | None:
    """The entry of a NumPy function; TypeError where `function` is unhashable."""
    entry = FUNCTIONS.get(function)
    if entry is not None:
        return entry
    family = _family_of_function(function)
    if family is not None:
        _load(family)
    elif _is_of_numpy(function):
        load_all()  # a name of this NumPy that the table does not have
    return FUNCTIONS.get(function)


def method_entry(name: str) -> Entry | None:
    """The entry of a method of arrays."""
    entry = METHODS.get(name)
    if entry is None and name in _methods():
        _load(_methods()[name])
        entry = METHODS.get(name)
    return entry


def load_all() -> None:
    """Load every family."""
    for family in FAMILIES:
        _load(family)


@functools.cache
def _load(family: str) -> None:
    importlib.import_module(f"jitflow.tracer.numpy.{family}")


def _family_of_function(function: Any) -> str | None:
    present = tuple(name for name in _PACKAGES if f"numpy.{name}" in sys.modules)
    return _functions(present).get(function)


def _is_of_numpy(function: Any) -> bool:
    """Whether this is a function of NumPy; ufuncs, types and methods have rules of their own."""
    module = getattr(function, "__module__", None)
    is_function = isinstance(function, FunctionType | BuiltinFunctionType | type(np.sum))
    return is_function and isinstance(module, str) and module.startswith("numpy")


@functools.cache
def _functions(present: tuple[str, ...]) -> dict[Any, str]:
    """Family by callable, without those of packages that are not `present`."""
    found = {}
    for family, names in FAMILIES.items():
        for path in names.split():
            package, _, _ = path.partition(".")
            if package and (package not in _PACKAGES or package in present):
                found[by_name(path)] = family
    found.pop(None, None)
    return found


@functools.cache
def _methods() -> dict[str, str]:
    """Family by name of method."""
    pairs = ((f, names.split()) for f, names in FAMILIES.items())
    return {path[1:]: family for family, paths in pairs for path in paths if path[0] == "."}
