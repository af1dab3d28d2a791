"""Says why a variant does not fit a call: the first fact that fails, in the user's names.

Also finds which integers differ, so that the next trace can make them symbolic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from jitflow.core import devices, dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.shown import briefly, shown
from jitflow.guards import predicates as p
from jitflow.guards.checks import CheckWriter, ConstantPool, Let, Test
from jitflow.guards.sources import DimensionSource, ItemSource, Source, items_of, keys_of, text_of


@dataclass(frozen=True)
class Failure:
    """Why a guard fails: a sentence, and the sources of integers that would have to be symbolic.

    `resized` is the source of a list or tuple that has another length, else empty. `is_local` says
    that the guards after it can be evaluated all the same: no type is another one. `text` names
    a string that is another one (`sources.text_of`), else empty; `keyed` the dicts that have other
    keys (`sources.keys_of`).
    """

    reason: str
    dynamic: frozenset[str] = frozenset()
    resized: str = ""
    is_local: bool = False
    text: str = ""
    keyed: frozenset[str] = frozenset()


class Evaluator:
    """Evaluates sources and guards on the state of a call, slowly and one by one."""

    def __init__(self, state: tuple[Any, ...]) -> None:
        self._namespace: dict[str, Any] = {f"v{i}": value for i, value in enumerate(state)}
        self._writer = CheckWriter(ConstantPool())
        self._done = 0

    def value(self, source: Source) -> Any:
        """The value of `source`; raises what evaluating it raises."""
        name = self._writer.source(source)
        self._advance()
        return eval(name, self._scope())

    def holds(self, guard: p.Guard) -> bool:
        """Whether `guard` (not one that is checked natively) holds."""
        self._writer.guard(guard)
        return self._advance()

    def _scope(self) -> dict[str, Any]:
        return {**self._writer.pool.objects, **self._namespace}

    def _advance(self) -> bool:
        steps, self._done = self._writer.steps[self._done :], len(self._writer.steps)
        holds = True
        for step in steps:
            if isinstance(step, Let):
                self._namespace[step.name] = eval(step.expression, self._scope())
            elif isinstance(step, Test):
                holds = holds and bool(eval(step.condition, self._scope()))
        return holds


def first_failure(
    guards: Iterable[p.Guard],
    inputs: Iterable[p.ArrayFact | p.ScalarFact],
    state: tuple[Any, ...],
) -> Failure | None:
    """The first fact that does not hold for `state`; None where all hold.

    Where an integer differs, so may others: the failure names all of them.
    """
    first: Failure | None = None
    for failure in _failures(guards, inputs, state):
        if first is None:
            first = failure
        else:
            first = replace(
                first,
                dynamic=first.dynamic | failure.dynamic,
                keyed=first.keyed | failure.keyed,
            )
        if not (failure.dynamic or failure.is_local):
            break
    return first


def _failures(
    guards: Iterable[p.Guard],
    inputs: Iterable[p.ArrayFact | p.ScalarFact],
    state: tuple[Any, ...],
) -> Iterator[Failure]:
    """The facts that do not hold. Those after one that tells a type rely on it."""
    evaluator = Evaluator(state)
    late: list[p.Guard] = []
    for guard in guards:
        if isinstance(guard, p.NoOverlap | p.Relation):
            late.append(guard)
        elif failure := _explain_plain(guard, evaluator):
            yield failure
    symbols: dict[str, int] = {}
    for fact in inputs:
        if failure := _explain_input(fact, evaluator, symbols):
            yield failure
    for guard in late:
        if failure := _explain_late(guard, evaluator, symbols):
            yield failure


def _explain_plain(guard: p.Guard, evaluator: Evaluator) -> Failure | None:
    try:
        if evaluator.holds(guard):
            return None
        got = evaluator.value(guard.source)
    except Exception as error:
        is_local = isinstance(error, KeyError | IndexError)
        reason = f"`{guard.source}` cannot be read: {type(error).__name__}"
        return Failure(reason, is_local=is_local)
    if isinstance(guard, p.Equals):
        dynamic = _changing(guard.source, guard.expected, got, evaluator)
        text = text_of(guard.source) if type(guard.expected) is type(got) is str else ""
        reason = f"`{guard.source}`: expected {briefly(guard.expected)}, got {briefly(got)}"
        return Failure(reason, dynamic, text=text)
    if isinstance(guard, p.TypeIs):
        return _other_type(guard.source, guard.expected, got)
    if isinstance(guard, p.LengthIs):
        is_data = type(got) is list and set(map(type, got)) == {int}
        dynamic = frozenset({f"len({guard.source})"} if is_data else ())
        text = f"`len({guard.source})`: expected {guard.expected}, got {len(got)}"
        return Failure(text, dynamic, str(guard.source), is_local=True)
    if isinstance(guard, p.KeysAre):
        expected, found = briefly(guard.expected), briefly(tuple(got))
        text = f"keys of `{guard.source}`: expected {expected}, got {found}"
        is_local = not hasattr(type(got), "__missing__")  # reading an item would make it
        return Failure(text, is_local=is_local, keyed=frozenset({keys_of(guard.source)}))
    if isinstance(guard, p.IsObject):
        expected = briefly(guard.expected)
        return Failure(f"`{guard.source}` is another object than {expected}: {briefly(got)}")
    if isinstance(guard, p.SearchesClass):
        return Failure(f"`{guard.source}.{guard.name}` was replaced on the class")
    if isinstance(guard, p.HasNoItem):
        return Failure(f"`{guard.source}` now has {shown(guard.key)}")
    if isinstance(guard, p.NotSame | p.SameObject | p.Distinct):
        return _other_identity(guard)
    if isinstance(guard, p.Holds):
        text = guard.text.format(*(f"`{source}`" for source in guard.sources))
        return Failure(f"{text} does not hold", is_local=True)
    return Failure(f"{guard} does not hold")


def _changing(source: Source, expected: Any, got: Any, evaluator: Evaluator) -> frozenset[str]:
    """Names of the integers that change; of a list of them, where one does, all."""
    if not _both_integers(expected, got):
        return frozenset()
    if isinstance(source, ItemSource):
        items = evaluator.value(source.base)
        if type(items) is list and set(map(type, items)) == {int}:
            return frozenset({items_of(source.base)})
    return frozenset({str(source)})


def _other_identity(guard: p.NotSame | p.SameObject | p.Distinct) -> Failure:
    if isinstance(guard, p.Distinct):
        names = ", ".join(f"`{source}`" for source in (guard.source, *guard.others))
        return Failure(f"two of {names} are one object")
    word = "are" if isinstance(guard, p.NotSame) else "are no longer"
    return Failure(f"`{guard.source}` and `{guard.other}` {word} one object")


def _other_type(source: Source, expected: type, got: Any) -> Failure:
    return Failure(f"type of `{source}`: expected {expected.__name__}, got {type(got).__name__}")


def _both_integers(expected: Any, got: Any) -> bool:
    return type(expected) is int and type(got) is int


def _explain_input(
    fact: p.ArrayFact | p.ScalarFact, evaluator: Evaluator, symbols: dict[str, int]
) -> Failure | None:
    try:
        got = evaluator.value(fact.source)
    except Exception as error:
        return Failure(f"`{fact.source}` cannot be read: {type(error).__name__}")
    if isinstance(fact, p.ScalarFact):
        if type(got) is fact.type:
            return None
        return _other_type(fact.source, fact.type, got)
    if type(got) is not fact.kind.type:
        return _other_type(fact.source, fact.kind.type, got)
    if (kind := devices.kind_of(got)) is not fact.kind:
        return Failure(f"`{fact.source}`: expected an array of {fact.kind}, got one of {kind}")
    return _explain_array(fact, got, symbols)


def _explain_array(fact: p.ArrayFact, got: Any, symbols: dict[str, int]) -> Failure | None:
    name = fact.source
    if got.dtype != fact.dtype.numpy:
        return Failure(f"`{name}.dtype`: expected {fact.dtype.numpy}, got {got.dtype}")
    if got.ndim != len(fact.shape):
        return Failure(f"`{name}.ndim`: expected {len(fact.shape)}, got {got.ndim}")
    for axis, (expected, extent) in enumerate(zip(fact.shape, got.shape, strict=True)):
        if not _dimension_fits(expected, extent, symbols):
            return Failure(
                f"`{name}.shape[{axis}]`: expected {expected}, got {extent}",
                _differing_dimensions(fact, got),
            )
    if fact.kind.has_flags and fact.writeable and not got.flags.writeable:
        return Failure(f"`{name}` is read-only and the piece writes it")
    if fact.kind.has_flags and fact.aligned and not got.flags.aligned:
        return Failure(f"`{name}` is not aligned")
    fits = {
        "C": got.flags.c_contiguous,
        "F": got.flags.f_contiguous,
        "strided": _strides_fit(fact, got),
    }[fact.layout]
    if not fits:
        return Failure(f"strides of `{name}`: expected {fact.layout}, got {got.strides}")
    return None


def _strides_fit(fact: p.ArrayFact, got: np.ndarray) -> bool:
    strides = [abs(got.strides[axis]) for axis in fact.order]
    if any(a < b for a, b in itertools.pairwise(strides)):
        return False
    return fact.unit_axis is None or got.strides[fact.unit_axis] == got.itemsize


def _dimension_fits(expected: Dim, extent: int, symbols: dict[str, int]) -> bool:
    if isinstance(expected, int):
        return expected == extent
    unknown = dims.symbols_of(expected) - symbols.keys()
    if not unknown:
        return dims.evaluate(expected, symbols) == extent
    symbols[next(iter(unknown))] = extent
    return True


def _differing_dimensions(fact: p.ArrayFact, got: np.ndarray) -> frozenset[str]:
    return frozenset(
        str(DimensionSource(fact.source, axis))
        for axis, (expected, extent) in enumerate(zip(fact.shape, got.shape, strict=True))
        if expected != extent
    )


def _explain_late(guard: p.Guard, evaluator: Evaluator, symbols: dict[str, int]) -> Failure | None:
    if isinstance(guard, p.NoOverlap):
        one, two = evaluator.value(guard.source), evaluator.value(guard.other)
        if np.may_share_memory(one, two):
            return Failure(f"`{guard.source}` and `{guard.other}` overlap in memory")
        return None
    assert isinstance(guard, p.Relation)
    names = dims.symbols_of(guard.left) | dims.symbols_of(guard.right)
    if len(names) == 1 and not names & symbols.keys():
        value = evaluator.value(guard.source)
        symbols.update(dict.fromkeys(names, value) if type(value) is int else {})
    if names - symbols.keys():
        return None
    left, right = dims.evaluate(guard.left, symbols), dims.evaluate(guard.right, symbols)
    holds = {"==": left == right, "!=": left != right, "<=": left <= right, "<": left < right}
    if holds[guard.relation]:
        return None
    text = f"{guard.left} {guard.relation} {guard.right}"
    is_fixed = guard.relation == "==" and int in (type(guard.left), type(guard.right))
    dynamic = frozenset({str(guard.source)} if is_fixed else ())
    return Failure(
        f"`{guard.source}`: {text} does not hold for {briefly(left)} and {briefly(right)}", dynamic
    )
