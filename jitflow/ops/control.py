"""Records of the control operators: `for`, `while` and `cond`, whose meaning is in their regions.

A record knows which regions its operator has and what types agree (`extra["regions"]`); the
interpreter runs the regions. See ``docs/design/regions.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL, I64
from jitflow.core.types import ArrayType
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register


@dataclass(frozen=True)
class RegionTypes:
    """What a region takes and gives."""

    parameters: Types
    results: Types


InferRegions = Callable[[Types, tuple[RegionTypes, ...]], Types]

_INDEX = ArrayType(I64)
_TRUTH = ArrayType(BOOL)


def _agree(what: str, found: Types, wanted: Types) -> None:
    if found != wanted:
        listed = [", ".join(map(str, types)) or "nothing" for types in (found, wanted)]
        raise TypeError(f"{what} {listed[0]}, not {listed[1]}")


def _count(name: str, regions: tuple[RegionTypes, ...], count: int) -> None:
    if len(regions) != count:
        raise TypeError(f"{name} has {len(regions)} regions, not {count}")


def _for(types: Types, regions: tuple[RegionTypes, ...]) -> Types:
    _count("for", regions, 1)
    _agree("for goes over", types[:3], (_INDEX,) * 3)
    carried = types[3:]
    _agree("the body of for takes", regions[0].parameters, (_INDEX, *carried))
    _agree("the body of for yields", regions[0].results, carried)
    return carried


def _while(types: Types, regions: tuple[RegionTypes, ...]) -> Types:
    _count("while", regions, 2)
    condition, body = regions
    _agree("the condition of while takes", condition.parameters, types)
    _agree("the condition of while yields", condition.results, (_TRUTH,))
    _agree("the body of while takes", body.parameters, types)
    _agree("the body of while yields", body.results, types)
    return types


def _cond(types: Types, regions: tuple[RegionTypes, ...]) -> Types:
    _count("cond", regions, 2)
    _agree("cond decides by", types, (_TRUTH,))
    for region in regions:
        _agree("a branch of cond takes", region.parameters, ())
    _agree("the second branch of cond yields", regions[1].results, regions[0].results)
    return regions[0].results


def infer_regions(record: Operator, operands: Types, regions: tuple[RegionTypes, ...]) -> Types:
    """Types of the results of a control operator; TypeError where a region does not fit."""
    infer: InferRegions = record.extra["regions"]
    return infer(operands, regions)


def _make(name: str, parameters: str, infer: InferRegions, doc: str) -> Operator:
    def without_regions(types: Types, attributes: Attributes) -> Types:
        raise TypeError(f"{name} needs its regions")

    def numpy(*operands: Any, **attributes: Any) -> Any:
        raise TypeError(f"{name} is run with its regions, by the interpreter")

    return register(
        Operator(
            name,
            Kind.CONTROL,
            tuple(parameters.split()),
            without_regions,
            numpy,
            extra={"regions": infer},
            doc=doc,
        )
    )


for_ = _make("for", "start stop step *initial", _for, "The body for each index of a range.")
while_ = _make("while", "*initial", _while, "The body as long as the condition holds.")
cond = _make("cond", "predicate", _cond, "One of two regions.")
