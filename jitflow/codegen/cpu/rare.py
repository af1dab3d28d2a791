"""What a vector needs seldom, behind a branch: floating-point flags, C functions, checks.

Each helper is a function of the module, written once.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen.cpu.values import Register, scalar_type, vector_type
from jitflow.core.dtypes import BOOL, F16, F32

if TYPE_CHECKING:
    from jitflow.codegen.cpu.emit import LlvmEmitter

_SET_FLAGS = """define internal void @set_flags(i1 %divide, i1 %overflow, i1 %invalid) {
  %slot = alloca double
  %denominator = select i1 %divide, double 0.0, double 1.0
  store volatile double %denominator, ptr %slot
  %d = load volatile double, ptr %slot
  %quotient = fdiv double 1.0, %d
  store volatile double %quotient, ptr %slot
  %factor = select i1 %overflow, double 1.0e300, double 1.0
  store volatile double %factor, ptr %slot
  %f = load volatile double, ptr %slot
  %product = fmul double %f, %f
  store volatile double %product, ptr %slot
  %numerator = select i1 %invalid, double 0.0, double 1.0
  store volatile double %numerator, ptr %slot
  %n = load volatile double, ptr %slot
  %undefined = fdiv double %n, %n
  store volatile double %undefined, ptr %slot
  ret void
}"""

_EACH = """define internal {vector} @{name}({mask} %mask, {vector} %otherwise, {parameters}) {{
entry:
  %bytes = zext {mask} %mask to <{lanes} x i8>
  %chosen = alloca <{lanes} x i8>
  %result = alloca {vector}
{slots}
  store <{lanes} x i8> %bytes, ptr %chosen
  store {vector} %otherwise, ptr %result
  br label %lane
lane:
  %i = phi i64 [ 0, %entry ], [ %next, %done ]
  %byte = getelementptr i8, ptr %chosen, i64 %i
  %flag = load i8, ptr %byte
  %wanted = icmp ne i8 %flag, 0
  br i1 %wanted, label %call, label %done
call:
{loads}
  %value = call {element} @{function}({arguments})
  %target = getelementptr {element}, ptr %result, i64 %i
  store {element} %value, ptr %target
  br label %done
done:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, {lanes}
  br i1 %more, label %lane, label %end
end:
  %all = load {vector}, ptr %result
  ret {vector} %all
}}"""


def all_lanes(e: LlvmEmitter, condition: Register) -> str:
    """i1: whether a bool holds in all lanes."""
    return _reduced(e, condition, "and")


def any_lane(e: LlvmEmitter, condition: Register) -> str:
    """i1: whether a bool holds in some lane."""
    return _reduced(e, condition, "or")


def _reduced(e: LlvmEmitter, condition: Register, name: str) -> str:
    if condition.lanes == 1:
        return condition.text
    type = vector_type("i1", condition.lanes)
    full = f"llvm.vector.reduce.{name}.v{condition.lanes}i1"
    return e.text.value(e.text.intrinsic(full, "i1", [(type, condition.text)]))


def set_flags(e: LlvmEmitter, pending: dict[str, Register]) -> None:
    """Raise the processor's flags for conditions by name, if one holds in some lane."""
    e.text.names.helpers["set_flags"] = _SET_FLAGS
    merged = list(pending.values())
    total = merged[0]
    for condition in merged[1:]:
        total = e.bit_or(total, condition)
    rare, going_on = e.text.fresh("flagged"), e.text.fresh("unflagged")
    e.text.write(f"br i1 {any_lane(e, total)}, label %{rare}, label %{going_on}, {_UNLIKELY}")
    e.text.start_block(rare)
    arguments = []
    for name in ("divide", "overflow", "invalid"):
        arguments.append(f"i1 {_inside(e, pending.get(name))}")
    e.text.write(f"call void @set_flags({', '.join(arguments)})")
    e.text.write(f"br label %{going_on}")
    e.text.start_block(going_on)


_UNLIKELY = "!prof !0"


def _inside(e: LlvmEmitter, condition: Register | None) -> str:
    """A reduction that is written in the rare block and not remembered beyond it."""
    if condition is None:
        return "false"
    if condition.lanes == 1:
        return condition.text
    type = vector_type("i1", condition.lanes)
    full = f"llvm.vector.reduce.or.v{condition.lanes}i1"
    return e.text.result(e.text.intrinsic(full, "i1", [(type, condition.text)]))


def scalar_call(
    e: LlvmEmitter, name: str, condition: Register, otherwise: Register, *operands: Register
) -> Register:
    """`otherwise`, but C's function of the operands in the lanes where `condition` holds."""
    lanes, (condition, otherwise, *rest) = e.level(condition, otherwise, *operands)
    call = _each(e, name, condition, otherwise, rest)
    wanted = any_lane(e, condition)
    before = e.text.label
    rare, going_on = e.text.fresh("scalar"), e.text.fresh("vector")
    e.text.write(f"br i1 {wanted}, label %{rare}, label %{going_on}, {_UNLIKELY}")
    e.text.start_block(rare)
    called = e.text.result(call)
    e.text.write(f"br label %{going_on}")
    e.text.start_block(going_on)
    type = e.type_of(otherwise)
    text = e.text.result(f"phi {type} [ {otherwise.text}, %{before} ], [ {called}, %{rare} ]")
    return Register(text, otherwise.dtype, lanes, e.text.depth)


def rarely(
    e: LlvmEmitter, condition: Register, value: Register, slow: Callable[[], Register]
) -> Register:
    """`value`, but ``slow()`` in lanes where `condition` holds: a block that is seldom entered.

    Nothing that is written in the block is remembered beyond it, and its flags are set in it.
    """
    lanes, (condition, value) = e.level(condition, value)
    wanted = any_lane(e, condition)
    scope, before = e.text.scopes[-1], e.text.label
    block, going_on = e.text.fresh("rare"), e.text.fresh("usual")
    e.text.write(f"br i1 {wanted}, label %{block}, label %{going_on}, {_UNLIKELY}")
    e.text.start_block(block)
    known, scope.known = scope.known, dict(scope.known)
    pending, e.pending = e.pending, {}
    chosen = e.select(condition, slow(), value)
    e.flush_flags()
    scope.known, e.pending = known, pending
    end = e.text.label
    e.text.write(f"br label %{going_on}")
    e.text.start_block(going_on)
    type = e.type_of(value)
    text = e.text.result(f"phi {type} [ {value.text}, %{before} ], [ {chosen.text}, %{end} ]")
    return Register(text, value.dtype, lanes, e.text.depth)


def lane_call(e: LlvmEmitter, name: str, *operands: Register) -> Register:
    """C's function in every lane."""
    if operands[0].dtype is F16:
        wide = [e.cast(operand, F32) for operand in operands]
        return e.cast(lane_call(e, name, *wide), F16)
    lanes, values = e.level(*operands)
    if lanes == 1:
        function, element = _library(e, name, values[0])
        arguments = [(element, value.text) for value in values]
        text = e.text.result(e.text.intrinsic(function, element, arguments))
        return Register(text, values[0].dtype, 1, e.text.depth)
    mask = e.text.broadcast(e.constant(True, BOOL), lanes)
    text = e.text.result(_each(e, name, mask, values[0], list(values)))
    return Register(text, values[0].dtype, lanes, e.text.depth)


_IN_C = {
    **{name: name for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin")},
    **{
        name: name
        for name in ("cos", "tan", "sinh", "cosh", "tanh", "cbrt", "hypot", "erf", "erfc")
    },
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "power": "pow",
}


@functools.cache
def of_scalars(name: str) -> tuple[str, int] | None:
    """Symbol and address of the C function that CPython computes `name` with, if it is found.

    The symbol is none that LLVM knows: it would compute ``pow(x, -1.0)`` in its own way.
    """
    try:
        return f"c.{_IN_C[name]}", c_function(_IN_C[name])
    except (KeyError, AttributeError, OSError, TypeError):
        return None


def call_known(e: LlvmEmitter, function: tuple[str, int], *operands: Register) -> Register:
    """The C function of scalars of one dtype, which is that of the result."""
    symbol, address = function
    e.text.names.externals[symbol] = address
    element = scalar_type(operands[0].dtype)
    text = e.text.intrinsic(symbol, element, [(element, x.text) for x in operands])
    return Register(e.text.result(text), operands[0].dtype, 1, e.text.depth)


def _library(e: LlvmEmitter, name: str, x: Register) -> tuple[str, str]:
    """Name and result type of C's function for a dtype; its address is noted."""
    function = name + ("f" if x.dtype is F32 else "")
    e.text.names.externals[function] = c_function(function)
    return function, scalar_type(x.dtype)


def c_function(name: str) -> int:
    """Address of a function of the C library."""
    address = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    assert address is not None
    return address


def _each(
    e: LlvmEmitter, name: str, mask: Register, otherwise: Register, operands: list[Register]
) -> str:
    """Text of the call of a helper that calls a C function for the chosen lanes."""
    function, element = _library(e, name, otherwise)
    lanes = otherwise.lanes
    vector, masks = vector_type(element, lanes), vector_type("i1", lanes)
    if lanes == 1:
        e.text.declare(_declaration(function, element, len(operands)))
        inside = ", ".join(f"{element} {operand.text}" for operand in operands)
        return f"call {element} @{function}({inside})"
    helper = f"each_{function}_{lanes}"
    if helper not in e.text.names.helpers:
        count = range(len(operands))
        e.text.declare(_declaration(function, element, len(operands)))
        e.text.names.helpers[helper] = _EACH.format(
            name=helper, vector=vector, mask=masks, lanes=lanes, element=element,
            function=function,
            parameters=", ".join(f"{vector} %x{k}" for k in count),
            slots="\n".join(
                f"  %s{k} = alloca {vector}\n  store {vector} %x{k}, ptr %s{k}" for k in count
            ),
            loads="\n".join(
                f"  %p{k} = getelementptr {element}, ptr %s{k}, i64 %i\n"
                f"  %e{k} = load {element}, ptr %p{k}"
                for k in count
            ),
            arguments=", ".join(f"{element} %e{k}" for k in count),
        )  # fmt: skip
    arguments = [f"{masks} {mask.text}", f"{vector} {otherwise.text}"]
    arguments += [f"{vector} {operand.text}" for operand in operands]
    return f"call {vector} @{helper}({', '.join(arguments)})"


def _declaration(function: str, element: str, count: int) -> str:
    return f"declare {element} @{function}({', '.join([element] * count)})"
