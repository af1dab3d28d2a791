"""Symbolic dimensions: integers known only at run time, as polynomials over named symbols.

A dimension (`Dim`) is a Python int or a `SymbolicDim`. A symbol is named in a graph (`s0`), where
`ir.graph.Graph.symbols` says how its value is found. Polynomials with integer coefficients cover
what shapes need (`s0 + 1`, `2*s0*s1`); quotients get a symbol of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias, Union

from jitflow.core.dataclass import dataclass

Monomial: TypeAlias = tuple[str, ...]
Dim: TypeAlias = Union[int, "SymbolicDim"]


@dataclass(frozen=True)
class SymbolicDim:
    """A polynomial that is not a plain integer: sorted (monomial, coefficient) pairs.

    The empty monomial is the constant term; no coefficient is zero. Make one with `symbol` and
    arithmetic, never directly, so that equal polynomials compare equal.
    """

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return _combine(self, other, -1)

    def __rsub__(self, other: Dim) -> Dim:
        return _combine(-self, other, 1)

    def __neg__(self) -> Dim:
        return self * -1

    def __mul__(self, other: Dim) -> Dim:
        product: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                key = tuple(sorted(left + right))
                product[key] = product.get(key, 0) + a * b
        return _normal(product)

    __rmul__ = __mul__

    def symbols(self) -> frozenset[str]:
        """Names of the symbols that occur."""
        return frozenset(name for monomial, _ in self.terms for name in monomial)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Value under `values`, a mapping from symbol name to integer."""
        total = 0
        for monomial, coefficient in self.terms:
            product = coefficient
            for name in monomial:
                product *= values[name]
            total += product
        return total

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+"
            factors = [*monomial]
            if abs(coefficient) != 1 or not monomial:
                factors.insert(0, str(abs(coefficient)))
            text += f"{sign}{'*'.join(factors)}"
        return text.removeprefix("+")

    __repr__ = __str__


def symbol(name: str) -> SymbolicDim:
    """The dimension that is the symbol `name`."""
    return SymbolicDim((((name,), 1),))


def symbols_of(dim: Dim) -> frozenset[str]:
    """Names of the symbols in `dim`; empty for an int."""
    return dim.symbols() if isinstance(dim, SymbolicDim) else frozenset()


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """Value of `dim` under `values`."""
    return dim.evaluate(values) if isinstance(dim, SymbolicDim) else dim


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """Replace symbols by dimensions; symbols that are not in `values` stay."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        for name in monomial:
            product = product * values.get(name, symbol(name))
        total = total + product
    return total


def product(dims: tuple[Dim, ...]) -> Dim:
    """Product of dimensions: the number of elements of a shape."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def parse_dim(text: str) -> Dim:
    """Parse what `str` prints for a dimension, such as ``2*s0*s1-3``."""
    total: Dim = 0
    for sign, term in _split_terms(text.replace(" ", "")):
        value: Dim = sign
        for factor in term.split("*"):
            value = value * (int(factor) if factor.isdigit() else symbol(factor))
        total = total + value
    return total


def _split_terms(text: str) -> Iterator[tuple[int, str]]:
    if not re.fullmatch(r"-?[\w*]+([+-][\w*]+)*", text):
        raise ValueError(f"not a dimension: {text!r}")
    for match in re.finditer(r"([+-]?)([\w*]+)", text):
        yield (-1 if match.group(1) == "-" else 1), match.group(2)


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(dim, SymbolicDim):
        return dim.terms
    return (((), int(dim)),) if dim else ()


def _combine(left: Dim, right: Dim, sign: int) -> Dim:
    total = dict(_terms(left))
    for monomial, coefficient in _terms(right):
        total[monomial] = total.get(monomial, 0) + sign * coefficient
    return _normal(total)


def _normal(terms: dict[Monomial, int]) -> Dim:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    return SymbolicDim(tuple(sorted(kept.items(), key=lambda item: (-len(item[0]), item[0]))))


def count_in(indices: range) -> int:
    """How many indices there are; `len` tells it for fewer than 2**63 alone."""
    return max(0, -((indices.start - indices.stop) // indices.step))
