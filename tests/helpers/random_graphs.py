"""Random graphs over all kinds of operators, with inputs in random layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.core.dtypes import BOOL, C64, C128, F32, F64, I32, I64, U8, DType
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value

DTYPES = (F32, F32, F64, I32, I64, U8, BOOL, C64, C128)
UNARY = {
    "f": ("negative", "absolute", "exp", "tanh", "square", "floor", "sqrt", "rint"),
    "i": ("negative", "absolute", "square", "invert"),
    "u": ("negative", "square", "invert"),
    "b": ("logical_not",),
    "c": ("negative", "conjugate"),
}
BINARY = {
    "f": ("add", "subtract", "multiply", "maximum", "minimum", "divide"),
    "i": ("add", "subtract", "multiply", "maximum", "bitwise_xor", "fmin"),
    "u": ("add", "multiply", "minimum", "bitwise_and"),
    "b": ("logical_and", "logical_or", "logical_xor"),
    "c": ("add", "subtract"),
}
REDUCTIONS = {
    "f": ("sum", "max", "min", "argmax"),
    "i": ("sum", "max", "prod", "argmin"),
    "u": ("sum", "min", "argmax"),
    "b": ("any", "all"),
    "c": ("sum",),
}


class Maker:
    """Makes one graph and its inputs from a seed."""

    def __init__(self, seed: int, nodes: int = 12, symbolic: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = Builder(f"random{seed}")
        self.inputs: list[Any] = []
        self.values: list[Value] = []
        self.node_count = nodes
        self.symbolic = symbolic
        self.written: set[Value] = set()
        self.versions: dict[Value, Value] = {}
        self.size = int(self.rng.choice([3, 5, 17, 40]))
        self.shapes = self.some_shapes()

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def some_shapes(self) -> list[tuple[int, ...]]:
        a, b, c = (int(self.choice([1, 2, 3, self.size, self.size + 1])) for _ in range(3))
        return [(a, b), (b,), (a, b), (c, a, b), (a, 1), ()]

    # Inputs

    def array(self, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
        layout = self.choice(["C", "C", "C", "F", "step", "reverse", "padded"])
        values = self.data(dtype, shape)
        if layout == "C" or not shape:
            return values
        if layout == "F":
            return np.asfortranarray(values)
        if layout == "step":
            whole = np.zeros((*shape[:-1], shape[-1] * 3), dtype.numpy)[..., ::3]
        elif layout == "reverse":
            whole = np.zeros(shape, dtype.numpy)[..., ::-1]
        else:
            whole = np.zeros((*shape[:-1], shape[-1] + 3), dtype.numpy)[..., 1:-2]
        whole[...] = values
        return whole

    def data(self, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
        if dtype is BOOL:
            return self.rng.integers(0, 2, shape).astype(bool)
        if dtype.is_integer:
            return self.rng.integers(0, 9, shape).astype(dtype.numpy)
        values = self.rng.integers(-8, 9, shape) / 4
        if dtype.is_complex:
            values = values + 1j * self.rng.integers(-8, 9, shape) / 4
        return np.asarray(values).astype(dtype.numpy)

    def add_input(self) -> None:
        dtype, shape = self.choice(DTYPES), self.choice(self.shapes)
        if not shape and self.rng.random() < 0.5:
            self.inputs.append(self.data(dtype, shape)[()])
        else:
            self.inputs.append(self.array(dtype, shape))
        value = self.builder.input("x", ArrayType(dtype, shape))
        if self.symbolic and shape:
            value.type = ArrayType(dtype, self.symbols_for(value, shape))
        self.values.append(value)

    def symbols_for(self, value: Value, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """Extents above 1 become symbols, one for each extent."""
        out: list[Any] = []
        for axis, extent in enumerate(shape):
            if extent == 1:
                out.append(1)
                continue
            known = self.known.get(extent)
            if known is None:
                known = self.known[extent] = self.builder.dimension_symbol(value, axis)
            out.append(known)
        return tuple(out)

    # Nodes

    def make(self) -> tuple[Graph, list[Any]]:
        self.known: dict[int, Any] = {}
        for _ in range(int(self.rng.integers(1, 4))):
            self.add_input()
        self.all_inputs = list(self.values)
        made = 0
        while made < self.node_count:
            made += self.add_node()
        produced = [value for value in self.values if value.producer is not None]
        count = int(self.rng.integers(1, 4))
        chosen = [self.choice(produced) for _ in range(count)]
        outputs = list(dict.fromkeys([produced[-1], *chosen]))
        graph = self.builder.finish(outputs)
        for given, version in self.versions.items():
            graph.writes.append((given, version))
        return graph, self.inputs

    def add_node(self) -> int:
        kind = self.choice(
            ["unary", "binary", "binary", "binary", "cast", "where", "view", "view", "reduce",
             "reduce", "scan", "concatenate", "matmul", "gather", "update", "create", "keep",
             "scatter"]
        )  # fmt: skip
        try:
            made = getattr(self, kind)()
        except (TypeError, ValueError, NotApplicable):
            return 0
        if made is None:
            return 0
        self.values.append(made)
        return 1

    def emit(self, name: str, *operands: Value, **attributes: Any) -> Value:
        return self.builder.emit(name, *operands, **attributes)

    def recent(self, dtype: DType | None = None) -> Value:
        found = [v for v in self.values[-8:] if dtype is None or v.type.dtype is dtype]
        if not found:
            raise NotApplicable
        return self.choice(found)

    def as_dtype(self, value: Value, dtype: DType) -> Value:
        return value if value.type.dtype is dtype else self.emit("cast", value, dtype=dtype)

    def unary(self) -> Value:
        x = self.recent()
        return self.emit(self.choice(UNARY[x.type.dtype.kind]), x)

    def binary(self) -> Value:
        x, y = self.recent(), self.recent()
        return self.emit(self.choice(BINARY[x.type.dtype.kind]), x, self.as_dtype(y, x.type.dtype))

    def cast(self) -> Value:
        x, dtype = self.recent(), self.choice(DTYPES)
        if x.type.dtype.is_complex and not dtype.is_complex:
            x = self.emit("real", x)
        if x.type.dtype.is_float and dtype.is_integer:
            x = self.emit("minimum", x, self.number(50, x.type.dtype))
            x = self.emit("fmax", x, self.number(0, x.type.dtype))
        return self.emit("cast", x, dtype=dtype)

    def number(self, value: float, dtype: DType) -> Value:
        return self.emit("constant", value=np.asarray(value, dtype.numpy))

    def where(self) -> Value:
        x, y = self.recent(), self.recent()
        y = self.as_dtype(y, x.type.dtype)
        condition = self.emit("not_equal", x, y)
        return self.emit("where", condition, x, y)

    def view(self) -> Value:
        x = self.recent()
        shape = x.type.shape
        name = self.choice(["transpose", "slice", "slice", "expand_dims", "reshape", "broadcast"])
        if name == "transpose":
            return self.emit(name, x, axes=tuple(map(int, self.rng.permutation(len(shape)))))
        if name == "expand_dims" and len(shape) < 3:
            return self.emit(name, x, axes=(int(self.rng.integers(len(shape) + 1)),))
        if name == "reshape" and len(shape) > 1:
            return self.emit(name, x, shape=(x.type.size,))
        if name == "broadcast" and len(shape) < 3:
            return self.emit(name, x, shape=(3, *shape))
        return self.slice_of(x)

    def slice_of(self, x: Value) -> Value:
        starts, steps, shape = [], [], []
        for extent in x.type.shape:
            if not isinstance(extent, int):
                kind = self.choice(["all", "all", "rest", "reverse"])
                starts.append({"all": 0, "rest": 1, "reverse": extent - 1}[kind])
                steps.append(-1 if kind == "reverse" else 1)
                shape.append(extent - 1 if kind == "rest" else extent)
                continue
            step = self.choice([1, 1, 1, 2, -1])
            count = int(self.rng.integers(1, extent + 1)) if extent else 0
            count = -(-count // abs(step))
            room = extent - 1 - (count - 1) * abs(step) if count else 0
            start = int(self.rng.integers(max(room, 0) + 1))
            starts.append(start if step > 0 else start + (count - 1) * -step)
            steps.append(step)
            shape.append(count)
        return self.emit("slice", x, starts=tuple(starts), steps=tuple(steps), shape=tuple(shape))

    def reduce(self) -> Value:
        x = self.recent()
        rank = x.type.rank
        if not rank or any(extent == 0 for extent in x.type.shape):
            raise NotApplicable
        name = self.choice(REDUCTIONS[x.type.dtype.kind])
        count = 1 if name.startswith("arg") else int(self.rng.integers(1, rank + 1))
        axes = tuple(sorted(map(int, self.rng.choice(rank, count, replace=False))))
        return self.emit(name, x, axes=axes, keepdims=bool(self.rng.integers(2)))

    def scan(self) -> Value:
        x = self.recent()
        if not x.type.rank or x.type.dtype is BOOL:
            raise NotApplicable
        return self.emit("cumsum", x, axis=int(self.rng.integers(x.type.rank)))

    def concatenate(self) -> Value:
        x = self.recent()
        if not x.type.rank:
            raise NotApplicable
        axis = int(self.rng.integers(x.type.rank))
        return self.emit("concatenate", x, self.unary_of(x), axis=axis)

    def unary_of(self, x: Value) -> Value:
        return self.emit(self.choice(UNARY[x.type.dtype.kind]), x)

    def matmul(self) -> Value:
        x = self.recent(self.choice([F32, F64, C64]))
        if x.type.rank < 2:
            raise NotApplicable
        axes = (*range(x.type.rank - 2), x.type.rank - 1, x.type.rank - 2)
        y = self.recent(x.type.dtype)
        if y.type.rank < 2 or y.type.shape[-2] != x.type.shape[-1]:
            y = self.emit("transpose", x, axes=axes)
        return self.emit("matmul", x, y)

    def gather(self) -> Value:
        x = self.recent()
        if not x.type.rank or not isinstance(x.type.shape[0], int) or not x.type.shape[0]:
            raise NotApplicable
        extent = x.type.shape[0]
        index = self.rng.integers(-extent, extent, int(self.choice([1, 4, 20])))
        return self.emit("gather", x, self.emit("constant", value=index), axes=(0,))

    def scatter(self) -> Value:
        x = self.recent()
        if not x.type.rank or not isinstance(x.type.shape[0], int) or not x.type.shape[0]:
            raise NotApplicable
        extent = x.type.shape[0]
        index = self.emit("constant", value=self.rng.integers(-extent, extent, 4))
        mode = "set" if x.type.dtype.kind in "bc" else self.choice(["set", "add", "maximum"])
        return self.emit("scatter", x, self.number(2, x.type.dtype), index, axes=(0,), mode=mode)

    def update(self) -> Value:
        x = self.recent()
        if self.rng.random() < 0.5:
            candidates = [v for v in self.all_inputs if v.type.rank]
            if candidates:
                x = self.choice(candidates)
                x = self.versions.get(x, x)
        if not x.type.rank:
            raise NotApplicable
        region = self.slice_of(x)
        attributes = dict(region.producer.attributes) if region.producer else {}
        kind = self.choice(["number", "shifted", "same"])
        if kind == "number":
            new = self.number(3, x.type.dtype)
        elif kind == "same":
            new = self.unary_of(region)
        else:
            new = self.shifted(x, attributes)
        views: tuple[Any, ...] = (("slice", attributes),)
        if self.rng.random() < 0.2:
            views, new = (), self.unary_of(x)
        made = self.emit("update", x, new, views=views)
        root = next((v for v in self.all_inputs if self.versions.get(v, v) is x), None)
        if root is not None and isinstance(self.inputs[self.all_inputs.index(root)], np.ndarray):
            self.versions[root] = made
        return made

    def shifted(self, x: Value, attributes: dict[str, Any]) -> Value:
        """Another region of the same shape: a stencil that reads what it overwrites."""
        starts = []
        for start, step, count, extent in zip(
            attributes["starts"], attributes["steps"], attributes["shape"], x.type.shape,
            strict=True,
        ):  # fmt: skip
            if isinstance(start, int) and isinstance(extent, int) and isinstance(count, int):
                last = start + (count - 1) * step
                start += int(start > 0 and last > 0) * -1
            starts.append(start)
        region = self.emit("slice", x, **{**attributes, "starts": tuple(starts)})
        return self.unary_of(region)

    def create(self) -> Value:
        x = self.recent()
        if self.rng.random() < 0.5 or not x.type.rank:
            scalar = self.number(1, self.choice(DTYPES))
            return self.emit("full", scalar, shape=x.type.shape)
        return self.emit("iota", length=x.type.shape[-1], dtype=self.choice([F32, I64, F64, I32]))

    def keep(self) -> Value:
        """Something of the last value, normalised as in a softmax."""
        x = self.recent(F32)
        if not x.type.rank or any(extent == 0 for extent in x.type.shape):
            raise NotApplicable
        axes = (int(self.rng.integers(x.type.rank)),)
        top = self.emit("max", x, axes=axes, keepdims=True)
        powers = self.emit("exp", self.emit("subtract", x, top))
        return self.emit("divide", powers, self.emit("sum", powers, axes=axes, keepdims=True))


class NotApplicable(Exception):
    """A node of this kind cannot be made now."""
