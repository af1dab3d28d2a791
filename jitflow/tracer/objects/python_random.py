"""Draws of the standard library's `random`: by its generators, which the functions share one of.

Most methods are Python code, which is traced like the user's down to the few that draw. Those, and
methods that keep a number for their next call, are call-outs; in loops and branches native code
draws floats and integers itself from the generator's state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.guards.sources import MadeSource
from jitflow.ops import draws
from jitflow.tracer import facts, spans
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import external
from jitflow.tracer.numpy.callouts import Callee, call_out
from jitflow.tracer.numpy.operands import graph_value, operand
from jitflow.tracer.numpy.random import Draw
from jitflow.tracer.objects.model import OpaqueValue
from jitflow.tracer.random_types import PYTHON_DRAWS
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

_MOST_BITS = 62
"""Random bits that certainly fit an int of 64 bits."""


def draw(
    context: TraceContext,
    generator: OpaqueValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """``generator.name(*args, **kwargs)``."""
    if name not in PYTHON_DRAWS:
        raise Unsupported("JF-B003", f"random.{name}")
    if name == "getrandbits":
        bits = context.resolve(args[0]) if len(args) == 1 else None
        if not isinstance(bits, ConstantValue) or not 0 <= bits.value <= _MOST_BITS:
            raise Unsupported("JF-B003", "random.getrandbits of this many bits")
    if name == "_randbelow" and len(args) == 1:
        limit = context.resolve(args[0])
        if isinstance(limit, ConstantValue) and limit.value > 2**63:
            raise Unsupported("JF-B003", "a random integer that may have more than 64 bits")
    if not isinstance(generator.source, MadeSource):
        context.generators.setdefault(generator.source, False)
    if name == "seed":
        return _seed(context, generator, args, kwargs)
    native = _native(context, generator, name, args) if context.depth and not kwargs else None
    if native is not None:
        return native
    method = Draw(getattr(generator.real, name), generator.source)
    probed = getattr(type(generator.real)(0), name)
    return external.run(
        context, method.real, args, kwargs, probed=probed, effect=True, receiver=method.source
    )


def _seed(
    context: TraceContext, generator: OpaqueValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """Set the state, and forget the normal number that is kept."""
    template = external.Template(context)
    given = tuple(template.build(value) for value in args)
    named = tuple((name, template.build(value)) for name, value in kwargs.items())
    callee = Callee(generator.real.seed, given, named, _done, generator.source)
    called, operands = external.in_region(context, callee, template.operands)
    call_out(context, called, operands, [I64], (), effect=True)
    return ConstantValue(None)


def _done(result: Any) -> np.ndarray:
    """What stands for the result of a call that gives None."""
    return np.zeros((), np.int64)


def _native(
    context: TraceContext, generator: OpaqueValue, name: str, args: list[PyValue]
) -> PyValue | None:
    """A float or an integer below another one, as a node; None where Python has to draw it."""
    if context.kind is not None and not context.kind.is_host:
        return None
    kind: Any = type(generator.real)
    if not draws.keeps_state_there(kind):
        return None
    emit = context.builder.emit
    if name == "random" and not args:
        address = context.made_number(id, generator.source)
        value = emit("draw_python_random", address, shape=(), effect=True)
        return ScalarValue("float", value.type.dtype, value)
    if name != "_randbelow" or len(args) != 1:
        return None
    limit = context.resolve(args[0])
    item = operand(context, limit)
    if item.weak is not int or item.dtype is not I64:
        return None
    if isinstance(limit, ConstantValue) and not 0 < limit.value < 2**63:
        return None
    bound = graph_value(context, item, I64)
    if not isinstance(limit, ConstantValue):
        zero = emit("dimension", dim=0)
        facts.require(context, emit("less", zero, bound))
    address = context.made_number(id, generator.source)
    value = emit("draw_python_below", address, bound, shape=(), effect=True)
    result = ScalarValue("int", I64, value)
    dim = limit.value if isinstance(limit, ConstantValue) else getattr(limit, "dim", None)
    if dim is not None:
        spans.note(context, result, 0, dim)
    return result
