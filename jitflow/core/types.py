"""Types of IR values: a dtype and a shape."""

from __future__ import annotations

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType


@dataclass(frozen=True)
class ArrayType:
    """An array of `dtype` elements with `shape`; a scalar is an array of rank 0.

    Whether Python sees a rank-0 value as a 0-d array, a NumPy scalar or a Python number is not a
    property of the graph: the exit of a piece says how each output is boxed.
    """

    dtype: DType
    shape: tuple[Dim, ...] = ()

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return dims.product(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a known integer."""
        return all(isinstance(dim, int) for dim in self.shape)

    def with_dtype(self, dtype: DType) -> ArrayType:
        """The same shape with another dtype."""
        return ArrayType(dtype, self.shape)

    def with_shape(self, shape: tuple[Dim, ...]) -> ArrayType:
        """The same dtype with another shape."""
        return ArrayType(self.dtype, shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(str(dim) for dim in self.shape)}]"
