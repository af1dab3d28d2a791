"""The reference back end: segments run by the IR's interpreter, one NumPy call for each node.

Slow, and right by definition: it is what other back ends are tested against, end to end.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import JitflowError
from jitflow.core.lazy import LazyModule
from jitflow.guards.checks import CheckWriter, ConstantPool, Let, write_input_checks
from jitflow.guards.sources import StateSource
from jitflow.ir.graph import Node, ScalarValue
from jitflow.runtime.marks import FAILED, HIDDEN, MISS
from jitflow.runtime.replay import noted_flags

if TYPE_CHECKING:
    from jitflow.ir import interpreter
    from jitflow.runtime.link import SegmentRequest
else:
    interpreter = LazyModule("jitflow.ir.interpreter")


@dataclass(frozen=True)
class MadeSegment:
    """A segment as a Python callable, and its texts for the report."""

    function: Callable[..., Any]
    texts: Mapping[str, str] = field(default_factory=dict)


def supports(node: Node) -> bool:
    """Every operator has a NumPy meaning."""
    return True


def make_segment(request: SegmentRequest) -> MadeSegment:
    """A function of the segment's inputs that returns what it gives (a tuple if several)."""
    graph = request.plan.graph
    fits = make_check(request)
    boxes = request.boxes

    def run(*inputs: Any) -> Any:
        if not fits(*inputs):
            return MISS
        copies = [np.array(inputs[index]) for index in request.kept]
        try:
            with noted_flags() as flags:
                values = interpreter.run(graph, inputs, write=True)
        except interpreter.CheckFailed:
            return FAILED
        except JitflowError:
            raise
        except Exception:  # of what is called in a loop or branch
            return FAILED
        shown = [row for row in zip(values, boxes, strict=True) if row[1][0] != HIDDEN]
        results = tuple(box(value, *how) for value, how in shown)
        result = results[0] if len(results) == 1 else results
        if not flags or request.flags is None:
            return result
        total = functools.reduce(operator.or_, flags)
        return request.flags(total, (result, *copies) if copies else result)

    return MadeSegment(run)


def box(value: Any, kind: str, order: tuple[int, ...]) -> Any:
    """The Python object for an output: a fresh array in memory order `order`, or a number."""
    if kind == "scalar":
        return np.asarray(value)[()]
    if kind != "array":
        return np.asarray(value).item()
    array = np.asarray(value)
    strides, step = [0] * array.ndim, array.itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(array.shape[axis], 1)
    result: np.ndarray = np.ndarray(array.shape, array.dtype, strides=strides)
    result[...] = array
    return result


def make_check(request: SegmentRequest) -> Callable[..., bool]:
    """Whether inputs fit the facts that the segment is to check."""
    if not request.checked:
        return lambda *inputs: True
    pool = ConstantPool()
    writer = CheckWriter(pool)
    known = [fact for fact in request.facts if fact is not None]
    places = {fact.source: StateSource(i, str(fact.source)) for i, fact in enumerate(known)}
    facts = [replace(fact, source=places[fact.source]) for fact in known]
    late = [
        replace(
            guard,
            source=places.get(guard.source, guard.source),
            **({"other": places[guard.other]} if hasattr(guard, "other") else {}),
        )
        for guard in request.late
    ]
    places_of_inputs = {id(value): i for i, value in enumerate(request.plan.graph.inputs)}
    for name, definition in request.plan.graph.symbols.items():
        if isinstance(definition, ScalarValue) and id(definition.value) in places_of_inputs:
            writer.steps.append(Let(name, f"v{places_of_inputs[id(definition.value)]}"))
    write_input_checks(writer, facts, late)
    lines = [
        f"    {step.name} = {step.expression}"
        if isinstance(step, Let)
        else f"    if not ({step.condition}): return False"
        for step in writer.steps
    ]
    parameters = ", ".join(f"v{i}" for i in range(len(facts)))
    namespace = dict(pool.objects)
    source = "\n".join([f"def check({parameters}):", *lines, "    return True"])
    exec(source, namespace)
    check: Callable[..., bool] = namespace["check"]
    return check
