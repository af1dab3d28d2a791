"""Draws of random numbers in bodies: calls of NumPy's C functions with a bit generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.commands import CallDraw
from jitflow.codegen.cpu import entry_helpers
from jitflow.codegen.cpu.values import memory_type
from jitflow.ops import draws

if TYPE_CHECKING:
    from jitflow.codegen.cpu.body import BodyWriter


def write_draw(body: BodyWriter, command: CallDraw) -> None:
    """Write a draw: one call where the function fills memory, else one for each number."""
    text, function = body.text, command.function
    own = function.symbol.startswith("jf.")
    find = entry_helpers.address if own else draws.address
    address = find(function.symbol)
    assert address is not None, "a draw is emitted where there is its function"
    text.names.externals[function.symbol] = address
    element = memory_type(function.dtype)
    bits = text.result(f"load i64, ptr {body.pointer(command.bits)}")
    arguments = [f"ptr {text.result(f'inttoptr i64 {bits} to ptr')}"]
    for number in command.numbers:
        loaded = text.result(f"load {element}, ptr {body.pointer(number)}")
        arguments.append(f"{element} {loaded}")
    count, out = body.memory.dim(command.count).text, body.pointer(command.result)
    if function.fills:
        masked = [] if function.masked is None else [f"i1 zeroext {bool(function.masked)}".lower()]
        _call(body, command, "void", [*arguments, f"i64 {count}", *masked, f"ptr {out}"])
    elif count == "1":
        drawn = text.result(_call_text(body, command, element, arguments))
        text.write(f"store {element} {drawn}, ptr {out}")
    else:
        _repeat(body, command, arguments, count, out)


def _repeat(
    body: BodyWriter, command: CallDraw, arguments: list[str], count: str, out: str
) -> None:
    text, element = body.text, memory_type(command.function.dtype)
    head, again, after = (text.fresh(hint) for hint in ("draw", "more", "drawn"))
    before, k = text.label, f"%{text.fresh('k')}"
    text.write(f"br label %{head}")
    text.start_block(head)
    text.write(f"{k} = phi i64 [ 0, %{before} ], [ {k}.next, %{again} ]")
    text.write(f"{k}.more = icmp slt i64 {k}, {count}")
    text.write(f"br i1 {k}.more, label %{again}, label %{after}")
    text.start_block(again)
    drawn = text.result(_call_text(body, command, element, arguments))
    place = text.result(f"getelementptr {element}, ptr {out}, i64 {k}")
    text.write(f"store {element} {drawn}, ptr {place}")
    text.write(f"{k}.next = add nuw i64 {k}, 1")
    text.write(f"br label %{head}")
    text.start_block(after)


def _call(body: BodyWriter, command: CallDraw, returns: str, arguments: list[str]) -> None:
    body.text.write(_call_text(body, command, returns, arguments))


def _call_text(body: BodyWriter, command: CallDraw, returns: str, arguments: list[str]) -> str:
    symbol = command.function.symbol
    types = ", ".join(argument.rpartition(" ")[0] for argument in arguments)
    body.text.declare(f"declare {returns} @{symbol}({types})")
    return f"call {returns} @{symbol}({', '.join(arguments)})"
