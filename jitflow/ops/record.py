"""The operator record, its kinds, and the registry of all records.

An operator of the IR is strongly typed: operands have the dtypes that `infer` demands, and the
tracer inserts casts. Element-wise operands broadcast against each other. See
``docs/architecture.md`` for the list of primitive operators and their attributes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.types import ArrayType
from jitflow.ops import table

Attributes = Mapping[str, Any]
Infer = Callable[[tuple[ArrayType, ...], Attributes], tuple[ArrayType, ...]]


class Kind(enum.Enum):
    """What loops an operator needs: the only thing that back ends branch on."""

    ELEMENTWISE = "elementwise"  # one result element from the operand elements at one index
    VIEW = "view"  # result elements are operand elements, by an index map
    UPDATE = "update"  # the operand with a region replaced
    REDUCTION = "reduction"  # axes folded by an associative combination
    SCAN = "scan"  # running combination along one axis
    CONTRACTION = "contraction"  # matrix products
    GATHER = "gather"  # elements addressed by index arrays
    SCATTER = "scatter"  # writes addressed by index arrays
    NONZERO = "nonzero"  # places of true elements: data decide how many
    CREATION = "creation"  # no array operand: fill, iota, constant
    CONCATENATE = "concatenate"  # operands side by side along an axis
    CALL_OUT = "call_out"  # Python or NumPy is called with whole arrays
    LIBRARY = "library"  # a C function of NumPy is called with whole arrays
    DRAW = "draw"  # random numbers from a bit generator, whose state moves on
    CONTROL = "control"  # for, while, cond: operators with regions
    SYMBOL = "symbol"  # integers that become dimensions, and dimensions that become integers


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator; records are singletons, compared by identity.

    Attributes
    ----------
    name : str
        Name in the text of the IR.
    kind : Kind
        Which loops it needs.
    parameters : tuple of str
        Names of the operands; a last name beginning with ``*`` takes any number.
    infer : callable
        ``infer(operand_types, attributes) -> result_types``; raises `TypeError` with a sentence
        where the operands do not fit.
    numpy : callable
        The meaning: ``numpy(*arrays, **attributes)`` gives the result (a tuple if several). It is
        the oracle of the tests, the interpreter and the constant folder.
    attributes : tuple of str
        Names of the attributes that a node must have.
    cpu : callable, optional
        Scalar body over an `Emitter`: ``cpu(emitter, *values, **attributes)``; for reductions the
        combination of two values. The GPU's kernels are written by the same body.
    identity : callable, optional
        For reductions and scans: ``identity(dtype)``, the neutral element as a Python number.
    cost : int
        Relative cost of computing one element again (1: an addition; 12: an exponential).
    checks : bool
        Whether it can fail at run time (an index out of bounds).
    vjp, jvp : callable, optional
        Derivatives over a graph builder.
    samples : callable, optional
        ``samples(rng, dtype, shape) -> tuple of operand arrays`` for the differential tests.
    ulp : int
        Largest error allowed against ``numpy``, in units in the last place (0: exact).
    doc : str
        One sentence with the domain.
    """

    name: str
    kind: Kind
    parameters: tuple[str, ...]
    infer: Infer
    numpy: Callable[..., Any]
    attributes: tuple[str, ...] = ()
    cpu: Callable[..., Any] | None = None
    identity: Callable[[Any], Any] | None = None
    cost: int = 1
    checks: bool = False
    vjp: Callable[..., Any] | None = None
    jvp: Callable[..., Any] | None = None
    samples: Callable[..., Any] | None = None
    ulp: int = 0
    doc: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<operator {self.name}>"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return operator, (self.name,)

    def has_body(self, types: tuple[ArrayType, ...]) -> bool:
        """Whether `cpu` covers operands of these types; else the node is run by `numpy`."""
        if self.cpu is None:
            return False
        covered = self.extra.get("body_dtypes")
        return covered is None or not types or types[0].dtype in covered


_TABLE: dict[str, Operator] = {}


def register(record: Operator) -> Operator:
    """Add `record` to the table and return it; a second record of one name is an error."""
    if record.name in _TABLE:
        raise ValueError(f"operator {record.name!r} is registered twice")
    _TABLE[record.name] = record
    return record


def operator(name: str) -> Operator:
    """The record called `name`; KeyError if there is none."""
    if name not in _TABLE:
        table.load(name)
    return _TABLE[name]


def operators() -> tuple[Operator, ...]:
    """Every record, in the order of the documentation."""
    table.load_all()
    return tuple(_TABLE[name] for name in dict.fromkeys((*table.NAMES, *_TABLE)))
