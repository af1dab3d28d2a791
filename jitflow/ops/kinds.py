"""Constructors of operator records: the shape and dtype rules that all operators of a kind share.

Each makes a record, registers it and returns it. A record then states only what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jitflow.core.dtypes import ALL, BOOL, C64, C128, F16, F32, I64, NUMBERS, DType
from jitflow.core.types import ArrayType
from jitflow.ops import shapes
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.samples import interesting

DTypes = Sequence[DType]
Types = tuple[ArrayType, ...]


def elementwise(
    name: str,
    parameters: str,
    *,
    dtypes: DTypes,
    numpy: Callable[..., Any],
    result: DType | Callable[[DType], DType] | None = None,
    pairs: Sequence[tuple[DType, DType]] = (),
    cpu: Callable[..., Any] | None = None,
    body_dtypes: DTypes | None = None,
    native_half: bool = False,
    samples: Callable[..., Any] | None = None,
    **rest: Any,
) -> Operator:
    """An operator on equal dtypes that broadcasts.

    Parameters
    ----------
    name, numpy, cpu, samples, **rest
        As in `Operator`.
    parameters : str
        Names of the operands, with spaces between.
    dtypes : sequence of DType
        What the operands may be, all of them of one.
    result : DType or callable, optional
        Dtype of the result, or a function of the operands' dtype; the operands' dtype by default.
    pairs : sequence of pairs of DType
        Mixed operands that are allowed besides.
    body_dtypes : sequence of DType, optional
        The dtypes that `cpu` covers, where it does not cover all.
    native_half : bool
        The body works on f16 itself; otherwise it is evaluated in f32 and rounded, as NumPy does.
    """
    names = tuple(parameters.split())
    accepted, mixed = frozenset(dtypes), frozenset(pairs)
    extra = {"dtypes": tuple(dtypes), **rest.pop("extra", {})}
    takes_half = F16 in accepted or any(F16 in pair for pair in mixed)
    if body_dtypes is not None:
        extra["body_dtypes"] = frozenset(body_dtypes)
    return register(
        Operator(
            name,
            Kind.ELEMENTWISE,
            names,
            _broadcasting(name, len(names), accepted, mixed, result),
            numpy,
            cpu=through_single(cpu) if cpu and takes_half and not native_half else cpu,
            samples=samples or interesting(len(names)),
            extra=extra,
            **rest,
        )
    )


def _broadcasting(
    name: str,
    count: int,
    accepted: frozenset[DType],
    mixed: frozenset[tuple[DType, DType]],
    result: DType | Callable[[DType], DType] | None,
) -> Callable[[Types, Attributes], Types]:
    """The types of an element-wise operator, as `elementwise` describes its operands."""

    def infer(types: Types, attributes: Attributes) -> Types:
        if len(types) != count:
            raise TypeError(f"{name} takes {count} operands, not {len(types)}")
        first = types[0]
        dtype = first.dtype
        if dtype not in accepted or any(type.dtype is not dtype for type in types):
            found = tuple(type.dtype for type in types)
            if found not in mixed:
                raise TypeError(f"{name} does not take {', '.join(map(str, found))}")
        shape = first.shape
        for type in types[1:]:
            if type.shape != shape:
                shape = shapes.broadcast(shape, type.shape)
        given = dtype if result is None else result if isinstance(result, DType) else result(dtype)
        if given is dtype and shape is first.shape:
            return (first,)
        return (ArrayType(given, shape),)

    return infer


def through_single(body: Callable[..., Any]) -> Callable[..., Any]:
    """`body` with f16 operands widened to f32 and an f32 result rounded, as NumPy's loops do."""

    def widened(e: Any, *operands: Any) -> Any:
        if not any(e.dtype(value) is F16 for value in operands):
            return body(e, *operands)
        wide = [e.cast(value, F32) if e.dtype(value) is F16 else value for value in operands]
        value = body(e, *wide)
        return e.cast(value, F16) if e.dtype(value) is F32 else value

    return widened


def reduction(
    name: str,
    *,
    dtypes: DTypes,
    numpy: Callable[..., Any],
    identity: Callable[[DType], Any],
    cpu: Callable[..., Any],
    has_identity: bool = True,
    **rest: Any,
) -> Operator:
    """`axes` folded by `cpu`, an associative combination of two values; the dtype stays."""

    def infer(types: Types, attributes: Attributes) -> Types:
        (operand,) = types
        if operand.dtype not in dtypes:
            raise TypeError(f"{name} does not take {operand.dtype}")
        axes = attributes["axes"]
        shape = shapes.reduced(operand.shape, axes, attributes["keepdims"])
        if not has_identity and any(operand.shape[axis] == 0 for axis in axes):
            raise TypeError(f"zero-size array to reduction operation {name} without identity")
        return (operand.with_shape(shape),)

    return register(
        Operator(
            name,
            Kind.REDUCTION,
            ("x",),
            infer,
            numpy,
            attributes=("axes", "keepdims"),
            cpu=through_single(cpu),
            identity=identity,
            samples=interesting(1),
            extra={"dtypes": tuple(dtypes), **rest.pop("extra", {})},
            **rest,
        )
    )


def search(name: str, *, numpy: Callable[..., Any], cpu: Callable[..., Any], doc: str) -> Operator:
    """The position of an extreme element along one axis; ``cpu(e, best, candidate)`` gives bool:
    whether the candidate, which comes later, replaces the best one so far.
    """

    def infer(types: Types, attributes: Attributes) -> Types:
        (operand,) = types
        axes = attributes["axes"]
        if len(axes) != 1:
            raise TypeError(f"{name} takes one axis, not {len(axes)}")
        shape = shapes.reduced(operand.shape, axes, attributes["keepdims"])
        if operand.shape[axes[0]] == 0:
            raise TypeError(f"attempt to get {name} of an empty sequence")
        return (ArrayType(I64, shape),)

    return register(
        Operator(
            name,
            Kind.REDUCTION,
            ("x",),
            infer,
            numpy,
            attributes=("axes", "keepdims"),
            cpu=through_single(cpu),
            samples=interesting(1),
            cost=2,
            extra={"dtypes": ALL, "search": True},
            doc=doc,
        )
    )


def scan(
    name: str,
    *,
    numpy: Callable[..., Any],
    identity: Callable[[DType], Any],
    cpu: Callable[..., Any],
    doc: str,
) -> Operator:
    """The running combination along `axis`."""

    def infer(types: Types, attributes: Attributes) -> Types:
        (operand,) = types
        if operand.dtype not in NUMBERS:
            raise TypeError(f"{name} does not take {operand.dtype}")
        shapes.check_axes((attributes["axis"],), operand.rank)
        return (operand,)

    return register(
        Operator(
            name,
            Kind.SCAN,
            ("x",),
            infer,
            numpy,
            attributes=("axis",),
            cpu=through_single(cpu),
            identity=identity,
            samples=interesting(1),
            extra={"dtypes": NUMBERS},
            doc=doc,
        )
    )


def view(
    name: str,
    *,
    attributes: tuple[str, ...],
    shape: Callable[..., shapes.Shape],
    numpy: Callable[..., Any],
    doc: str,
) -> Operator:
    """Elements of the operand at other indices; ``shape(shape, **attributes)`` checks too."""

    def infer(types: Types, given: Attributes) -> Types:
        (operand,) = types
        return (operand.with_shape(shape(operand.shape, **given)),)

    return register(
        Operator(
            name,
            Kind.VIEW,
            ("x",),
            infer,
            numpy,
            attributes=attributes,
            samples=interesting(1),
            cost=0,
            extra={"dtypes": ALL},
            doc=doc,
        )
    )


def is_integer_scalar(type: ArrayType) -> bool:
    """Whether `type` is ``i64[]``."""
    return type.dtype is I64 and not type.shape


def is_bool_scalar(type: ArrayType) -> bool:
    """Whether `type` is ``bool[]``."""
    return type.dtype is BOOL and not type.shape


def real_part(dtype: DType) -> DType:
    """Dtype of the components of a complex dtype; a real dtype itself."""
    return dtype.real


def complex_of(dtype: DType) -> DType:
    """The complex dtype whose components are `dtype`."""
    return C64 if dtype is F32 else C128
