"""Families: kernels that differ in numbers and names alone become one function.

``1024`` and ``64`` in two loops become an argument where that costs nothing worth mention; what all
members agree on stays a number, and so does what decides how memory is accessed. The names of
symbols are those of arguments, so that equal kernels have equal text wherever they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jitflow.codegen.access import Affine
from jitflow.codegen.commands import CallKernel, Program, Repeat, While, every
from jitflow.codegen.cpu.shared import Families, Family, Member
from jitflow.codegen.cpu.slack import Slack, slack_of
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.values import constant_text, scalar_type
from jitflow.codegen.loop_ir import (
    Compute,
    Constant,
    Fold,
    Given,
    Kernel,
    Load,
    Lookup,
    Loop,
    Position,
    Statement,
    Store,
    Where,
    walk,
)
from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F32, F64

COSTLY = 3
"""Cost of an operator above which it may gain by an operand that is known, as division does."""

FREE = 64
"""What part of a program's work may be added to it by the arguments of its kernels."""

NEAR = 16
"""Elements up to which an offset is that of a neighbour, as in a stencil: it stays a number."""


def families(
    program: Program,
    divided: Mapping[int, Loop],
    target: Target,
    work: Dim = 0,
    is_inlined: bool = False,
) -> Families:
    """Put the kernels of a program together.

    Parameters
    ----------
    program : Program
    divided : mapping
        Loops that threads share, by the number of their kernel.
    target : Target
    work : Dim
        Nanoseconds of the whole program, as far as they are known.
    is_inlined : bool
        LLVM puts kernels into their callers, where it knows the arguments. Those and kernels that
        loops call share equal text alone.
    """
    repeated = _called_in_loops(program)
    free = work / FREE / max(len(program.commands), 1) if isinstance(work, int) else 0.0
    groups: dict[str, list[tuple[int, _Template]]] = {}
    for number, kernel in enumerate(program.kernels):
        slack, loop = None, divided.get(number)
        if number not in repeated and not is_inlined and _is_plain(kernel):
            slack = slack_of(kernel, loop, target, free)
        template = _Template(kernel, loop, slack)
        groups.setdefault(template.key, []).append((number, template))
    found = Families([], [Member(0)] * len(program.kernels))
    for group in groups.values():
        _join(found, group)
    return found


def _called_in_loops(program: Program) -> set[int]:
    """Kernels that a loop calls: there is no saying how often."""
    loops = [command for command in program.commands if isinstance(command, (Repeat, While))]
    return {call.kernel for call in every([*loops]) if isinstance(call, CallKernel)}


def _is_plain(kernel: Kernel) -> bool:
    """Whether a kernel has neither masks nor stores under conditions."""
    return not any(
        isinstance(item, Where) or (isinstance(item, Store) and item.condition)
        for item in walk(kernel.body)
    )


def _join(found: Families, group: list[tuple[int, _Template]]) -> None:
    """Add the family of kernels whose templates are equal."""
    templates = [template for _, template in group]
    first = templates[0]
    symbols: dict[tuple[Dim, ...], str] = {}
    values: dict[str, Dim] = {}
    for place, column in enumerate(zip(*(t.dims for t in templates), strict=True)):
        one = column[0]
        if not isinstance(one, int) or any(other != one for other in column):
            one = dims.symbol(symbols.setdefault(column, f"n{len(symbols)}"))
        values[_place(place)] = one
    numbers: dict[tuple[str, ...], str] = {}
    constants: dict[str, Any] = {}
    for place, texts in enumerate(zip(*(t.numbers for t in templates), strict=True)):
        differ = len(set(texts)) > 1
        name = numbers.setdefault(texts, f"c{len(numbers)}") if differ else ""
        constants[_place(place)] = Given(name) if differ else first.constants[place].value
    for position, (number, _) in enumerate(group):
        found.members[number] = Member(
            len(found.functions),
            tuple(column[position] for column in symbols),
            tuple(column[position] for column in numbers),
        )
    kernel = replace(
        first.kernel,
        symbols=list(symbols.values()),
        numbers={name: _TYPES[column[0].split()[0]] for column, name in numbers.items()},
    )
    loops: list[Loop] = []
    kernel.body = _filled(kernel.body, values, constants, loops)
    divided = loops[first.divided] if first.divided >= 0 else None
    found.functions.append(Family(kernel, divided))


_TYPES = {scalar_type(dtype): dtype for dtype in (F32, F64)}


def _place(number: int) -> str:
    return f"p{number}"


class _Template:
    """A kernel with canonical names and without those numbers that may be arguments.

    Attributes
    ----------
    key : str
        Equal for kernels that may share a function.
    dims : list of Dim
        What the template leaves out, in order.
    constants : list of Constant
        Those that it leaves out, and `numbers`, how LLVM writes them as arguments.
    divided : int
        The number of the loop that threads share, -1 for none.

    Parameters
    ----------
    kernel : Kernel
    divided : Loop or None
    slack : Slack or None
        What may be an argument; None: no number at all, only symbols.
    """

    def __init__(self, kernel: Kernel, divided: Loop | None, slack: Slack | None) -> None:
        self.dims: list[Dim] = []
        self.numbers: list[str] = []
        self.constants: list[Constant] = []
        self.names: dict[str, str] = {}
        self.divided = -1
        self.loops = 0
        self.is_loose = slack is not None
        self.loose: Mapping[int, int] = slack.loops if slack else {}
        self.has_loose_strides = slack is not None and slack.strides
        self.costly = _operands_of_costly(kernel) if kernel.has_loops else frozenset()
        self.within: dict[str, bool] = {}  # loop variables: is it that of the vector loop
        private = kernel.private if divided is not None else {}
        body = self.block(kernel.body, divided)
        self.kernel = replace(kernel, symbols=[], body=body, private=private)
        rows = ", ".join(f"{name}: {size}" for name, size in private.items())
        self.key = f"{self.kernel}\n{kernel.checks} {self.divided} {rows}"

    # Statements

    def block(self, body: Iterable[Statement], divided: Loop | None) -> list[Statement]:
        return [self.statement(statement, divided) for statement in body]

    def statement(self, statement: Statement, divided: Loop | None) -> Statement:
        if isinstance(statement, Loop):
            number, self.loops = self.loops, self.loops + 1
            if statement is divided:
                self.divided = number
            if statement.kind == "vector" or self.within:
                self.within[statement.variable] = statement.kind == "vector"
            multiple = self.loose.get(id(statement), 0)
            extent = self.dim(statement.extent, multiple > 0)
            variable = self.name(statement.variable)
            body = self.block(statement.body, divided)
            self.within.pop(statement.variable, None)
            changes = {"variable": variable, "extent": extent, "body": body}
            return replace(statement, multiple=max(multiple, 1), **changes)
        if isinstance(statement, Constant):
            return self.constant(statement)
        if isinstance(statement, Where):
            mask = self.name(statement.mask)
            return replace(statement, mask=mask, body=self.block(statement.body, divided))
        changes = {
            part: self.name(getattr(statement, part))
            for part in ("operand", "accumulator", "condition", "result")
            if getattr(statement, part, "")
        }
        operands = getattr(statement, "operands", ())
        if operands:
            return replace(statement, operands=tuple(map(self.name, operands)), **changes)
        if isinstance(statement, (Load, Store, Position)):
            size = 1 if isinstance(statement, Position) else statement.dtype.itemsize
            return replace(statement, address=self.affine(statement.address, size), **changes)
        if isinstance(statement, Fold) and statement.position is not None:
            return replace(statement, position=self.affine(statement.position, 0), **changes)
        if isinstance(statement, Lookup):
            return replace(statement, extent=self.dim(statement.extent, True), **changes)
        return replace(statement, **changes) if changes else statement

    def name(self, name: str) -> str:
        """The canonical name of a register, an accumulator or a loop variable."""
        known = self.names.get(name)
        if known is None:
            head = name[0] if name[0] in "%@" else "i"
            known = self.names[name] = f"{head}{len(self.names)}"
        return known

    # Numbers

    def constant(self, statement: Constant) -> Constant:
        """A constant, or a place for one."""
        result, dtype, value = self.name(statement.result), statement.dtype, statement.value
        if self.is_loose and dtype in (F32, F64) and statement.result not in self.costly:
            self.numbers.append(f"{scalar_type(dtype)} {constant_text(value, dtype)}")
            self.constants.append(statement)
            value = Given(_place(len(self.constants) - 1))
        return Constant(result, value, dtype)

    def dim(self, dim: Dim, may_differ: bool) -> Dim:
        """A place for a dimension, or the number that it is."""
        if isinstance(dim, int) and not (may_differ and self.is_loose):
            return dim
        self.dims.append(dim)
        return dims.symbol(_place(len(self.dims) - 1))

    def affine(self, address: Affine, size: int) -> Affine:
        """An address; along vectors and from neighbour to neighbour strides stay numbers.

        With `size` 0 all are.
        """
        terms = []
        for atom, coefficient in address.terms:
            is_vector = self.within.get(atom)
            stays = is_vector or (is_vector is not None and coefficient == size)
            may_differ = self.has_loose_strides and size > 0 and not stays
            terms.append((self.name(atom), self.dim(coefficient, may_differ)))
        constant = address.constant
        is_far = isinstance(constant, int) and abs(constant) > NEAR * size > 0
        may_differ = self.has_loose_strides and is_far
        return Affine(
            self.dim(constant, may_differ), tuple(sorted(terms, key=lambda term: term[0]))
        )


def _operands_of_costly(kernel: Kernel) -> frozenset[str]:
    return frozenset(
        name
        for item in walk(kernel.body)
        if isinstance(item, Compute) and item.operator.cost > COSTLY
        for name in item.operands
    )


def _filled(
    body: Iterable[Statement],
    values: Mapping[str, Dim],
    constants: Mapping[str, Any],
    loops: list[Loop],
) -> list[Statement]:
    """A template's statements with something for each place; its loops go to `loops`."""
    made: list[Statement] = []
    for item in body:
        statement = item
        if isinstance(item, Loop):
            extent = dims.substitute(item.extent, values)
            multiple = 1 if isinstance(extent, int) else item.multiple
            statement = loop = replace(item, extent=extent, body=[], multiple=multiple)
            loops.append(loop)
            loop.body.extend(_filled(item.body, values, constants, loops))
        elif isinstance(statement, Where):
            inside = _filled(statement.body, values, constants, loops)
            statement = replace(statement, body=inside)
        elif isinstance(statement, Constant) and isinstance(statement.value, Given):
            statement = replace(statement, value=constants[statement.value.name])
        elif isinstance(statement, (Load, Store, Position)):
            statement = replace(statement, address=_affine(statement.address, values))
        elif isinstance(statement, Fold) and statement.position is not None:
            statement = replace(statement, position=_affine(statement.position, values))
        elif isinstance(statement, Lookup):
            statement = replace(statement, extent=dims.substitute(statement.extent, values))
        made.append(statement)
    return made


def _affine(address: Affine, values: Mapping[str, Dim]) -> Affine:
    terms = tuple((atom, dims.substitute(factor, values)) for atom, factor in address.terms)
    return Affine(dims.substitute(address.constant, values), terms)
