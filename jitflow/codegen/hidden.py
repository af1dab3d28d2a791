"""What a mask hides of a row: the elements from some position on, as in causal attention.

``where(j > i, fill, x)`` has `fill` at every position `j` from ``i + 1`` on, whatever `x` is there:
what they add up to is known without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jitflow.codegen.access import Affine
from jitflow.codegen.loop_ir import Compute, Constant, Position, Statement
from jitflow.core.dataclass import dataclass
from jitflow.ops.record import operator

Difference = Affine
"""An expression of integers; what it says holds where it is positive."""

_ORDERS = {"less": (-1, 0), "less_equal": (-1, 1), "greater": (1, 0), "greater_equal": (1, 1)}
"""Comparison to the sign of ``x - y``, and what is added, for a number that is positive."""

_JOINTS = {"logical_or": False, "logical_and": True, "bitwise_or": False, "bitwise_and": True}
"""Which operators hold where one operand holds; where it fails, for those that are true."""


@dataclass(frozen=True)
class Hidden:
    """All elements from position `bound` on are the number `fill`, after some conversions."""

    bound: Affine
    fill: str
    conversions: tuple[Compute, ...]


def hidden_part(
    definitions: Mapping[str, Statement], varying: set[str], element: str, variable: str
) -> Hidden | None:
    """What is hidden of the elements in register `element`, `variable` being their position."""
    return _Search(definitions, varying, variable).run(element)


@dataclass(eq=False, repr=False)
class _Search:
    definitions: Mapping[str, Statement]
    varying: set[str]
    variable: str

    def run(self, name: str) -> Hidden | None:
        """Through conversions to a choice that hides what comes after a position."""
        conversions: list[Compute] = []
        statement = self.definitions[name]
        while isinstance(statement, Compute) and statement.operator is operator("cast"):
            conversions.insert(0, statement)
            statement = self.definitions[statement.operands[0]]
        if not isinstance(statement, Compute) or statement.operator is not operator("where"):
            return None
        condition, *arms = statement.operands
        for side, fill in enumerate(arms):
            if fill in self.varying:
                continue
            for difference in self.cases(condition, side == 1):
                if difference.coefficient(self.variable) == 1:
                    rest = difference + Affine(0, ((self.variable, -1),))
                    return Hidden(rest.scaled(-1) + 1, fill, tuple(conversions))
        return None

    def cases(self, name: str, negated: bool) -> Iterator[Difference]:
        """Differences: where one of them is positive the condition holds (or fails, `negated`)."""
        statement = self.definitions[name]
        if not isinstance(statement, Compute):
            return
        word, operands = statement.operator.name, statement.operands
        if word == "logical_not":
            yield from self.cases(operands[0], not negated)
        elif word == "where" and self.is_choice(operands[1:]) is not None:
            yield from self.cases(operands[0], negated is self.is_choice(operands[1:]))
        elif _JOINTS.get(word) is negated and statement.dtype.kind == "b":
            for operand in operands:
                yield from self.cases(operand, negated)
        elif word in ("equal", "not_equal"):
            yield from self.compared(operands, negated is (word == "equal"))
        elif word in _ORDERS:
            left, right = map(self.affine, operands)
            if left is not None and right is not None:
                sign, more = _ORDERS[word]
                found = (left + right.scaled(-1)).scaled(sign) + more
                yield found.scaled(-1) + 1 if negated else found

    def compared(self, operands: tuple[str, ...], negated: bool) -> Iterator[Difference]:
        """Of a number that a condition chose, whether it is the constant."""
        constants = [k for k in (0, 1) if isinstance(self.definitions[operands[k]], Constant)]
        if len(constants) != 1:
            return
        known, chosen = (self.definitions[operands[k]] for k in (constants[0], 1 - constants[0]))
        assert isinstance(known, Constant)
        if not isinstance(chosen, Compute):
            return
        values: list[object] = [True, False] if chosen.operator is operator("cast") else []
        if chosen.operator is operator("where"):
            arms = [self.definitions[name] for name in chosen.operands[1:]]
            values = [item.value for item in arms if isinstance(item, Constant)]
        same = [value == known.value for value in values]
        if same in ([True, False], [False, True]):
            yield from self.cases(chosen.operands[0], negated is same[0])

    def is_choice(self, arms: tuple[str, ...]) -> bool | None:
        """Whether a choice between two bools is its condition; None where it is none of both."""
        found = [self.definitions[name] for name in arms]
        values = [item.value for item in found if isinstance(item, Constant)]
        return values[0] is True if values in ([True, False], [False, True]) else None

    def affine(self, name: str) -> Affine | None:
        """An integer as an expression in loop variables."""
        statement = self.definitions[name]
        if isinstance(statement, Position):
            return statement.address
        if isinstance(statement, Constant) and statement.dtype.is_integer:
            return Affine(int(statement.value))
        if not isinstance(statement, Compute) or not statement.dtype.is_integer:
            return None
        parts = [self.affine(operand) for operand in statement.operands]
        if statement.dtype.bits < 32 or None in parts:
            return None
        if statement.operator is operator("cast"):
            return parts[0]
        if statement.operator.name in ("add", "subtract"):
            left, right = parts
            assert left is not None
            assert right is not None
            return left + right.scaled(1 if statement.operator.name == "add" else -1)
        return None
