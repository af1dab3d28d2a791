"""Integer intervals: between which numbers every rank-0 integer of a graph lies where it is made.

The analysis follows the paths of a graph: what a check, a branch or the condition of a loop says of
an integer holds behind it. What a loop carries is found by trying: its interval grows until an
iteration stays inside. Upper bounds may be symbolic (`i < n`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.ir.counters import counters, within_reach
from jitflow.ir.graph import Block, Graph, Node, ScalarValue, Value
from jitflow.ir.interval import TRANSFERS, Interval, answer, full, is_counted
from jitflow.ir.regions import BOUNDS, carried

MOST_TRIES = 4
"""Visits of a loop until what it carries may be any number."""

DEEP = 3
"""Loops in loops from which on there is one such visit."""

_EXTENT = 2**62
_COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})
_DIVISIONS = ("remainder", "floor_divide")
CHECKED = {"checked_add": "add", "checked_subtract": "subtract", "checked_multiply": "multiply"}
_SUMS = {"add": 1, "checked_add": 1, "subtract": -1, "checked_subtract": -1}


class Intervals:
    """The intervals of one graph.

    Attributes
    ----------
    numbers : dict
        Values that are one number only, with that number.
    exact : set
        Nodes of checked arithmetic that cannot overflow.
    natural : set
        Nodes that divide a number that is not negative by a positive one.
    """

    def __init__(self, graph: Graph) -> None:
        self.numbers: dict[Value, int] = {}
        self.exact: set[Node] = set()
        self.natural: set[Node] = set()
        self._known: dict[Value, Interval] = {}
        self._trail: list[tuple[Value, Interval | None]] = []
        self._depth = 0
        self._choices = 0
        self._steady: set[Value] = set()
        self._symbols = {
            name: definition.value if isinstance(definition, ScalarValue) else None
            for name, definition in graph.symbols.items()
        }
        self._names = {value: name for name, value in self._symbols.items() if value is not None}
        self._block(graph.body)

    # What is known

    def of(self, value: Value) -> Interval:
        """The interval of a value, here."""
        known, node = self._known.get(value), value.producer
        if known is None and node is not None and node.operator.name == "constant":
            number = int(node.attributes["value"])
            return Interval(number, number)
        return known or full(value.type.dtype)

    def _set(self, value: Value, interval: Interval) -> None:
        self._trail.append((value, self._known.get(value)))
        self._known[value] = interval

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is learned inside is forgotten behind."""
        mark = len(self._trail)
        yield
        while len(self._trail) > mark:
            value, before = self._trail.pop()
            if before is None:
                del self._known[value]
            else:
                self._known[value] = before

    def _of_dim(self, dim: Dim) -> Interval:
        """The interval of a polynomial."""
        if isinstance(dim, int):
            return Interval(dim, dim)
        total = Interval(0, 0)
        for monomial, coefficient in dim.terms:
            product = Interval(coefficient, coefficient)
            for name in monomial:
                value = self._symbols.get(name)
                product *= Interval(0, _EXTENT) if value is None else self.of(value)
            total += product
        alone = _alone(dim)
        if alone is not None and (value := self._symbols.get(alone[0])) is not None:
            return self.of(value) + Interval(alone[1], alone[1])  # with its symbolic bounds
        return total

    def _dim_of(self, value: Value) -> Dim | None:
        """A value as a polynomial that does not wrap."""
        node = value.producer
        if node is not None and node.operator.name == "dimension":
            dim: Dim = node.attributes["dim"]
            low, high, _ = self._of_dim(dim)
            return dim if _WHOLE.low <= low and high <= _WHOLE.high else None
        name = self._names.get(value)
        return None if name is None else dims.symbol(name)

    def _tops(self, value: Value) -> tuple[Dim, ...]:
        """What a value is not above, as polynomials."""
        dim, tops = self._dim_of(value), self.of(value).tops
        return tops if dim is None or isinstance(dim, int) else (dim, *tops)

    # Walking

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            self._node(node)

    def _node(self, node: Node) -> None:
        name = node.operator.name
        if name == "require":
            self._assume(node.operands[0], True)
        elif name == "cond":
            self._cond(node)
        elif name == "for":
            self._for(node)
        elif name == "while":
            _While(self, node).run()
        elif node.regions:
            with self._scope():
                for region in node.regions:
                    self._block(region)
        elif len(node.results) == 1 and is_counted(node.result):
            self._define(node, self._transfer(node))

    def _define(self, node: Node, found: Interval) -> None:
        """Note the interval of a result; without one that wraps, it is all of its dtype."""
        whole = full(node.result.type.dtype)
        fits = whole.low <= found.low and found.high <= whole.high
        if node.operator.name in CHECKED:  # what leaves the range does not come here
            (self.exact.add if fits else self.exact.discard)(node)
            found = whole.both(found)
        elif not fits:
            found = whole
        self._set(node.result, found)
        may_fail = node.operator.name in _DIVISIONS and node not in self.natural
        if found.only is not None and node.operator.name != "constant" and not may_fail:
            self.numbers[node.result] = found.low
        else:
            self.numbers.pop(node.result, None)

    def _transfer(self, node: Node) -> Interval:
        name = node.operator.name
        if name in ("constant", "dimension"):
            given = node.attributes["dim"] if name == "dimension" else int(node.attributes["value"])
            return self._of_dim(given)
        if not all(map(is_counted, node.operands)):
            return full(node.result.type.dtype)
        operands = [self.of(value) for value in node.operands]
        if name in _COMPARISONS:
            return answer(self._compare(name, *node.operands))
        if name == "where":
            return self._choice(*node.operands)
        if name == "minimum":
            operands = [
                interval._replace(tops=self._tops(value))
                for value, interval in zip(node.operands, operands, strict=True)
            ]
        if name in _DIVISIONS:
            is_natural = operands[0].low >= 0 and operands[1].low > 0
            (self.natural.add if is_natural else self.natural.discard)(node)
        function = TRANSFERS.get(CHECKED.get(name, name))
        return full(node.result.type.dtype) if function is None else function(*operands)

    def _choice(self, test: Value, *arms: Value) -> Interval:
        """One of two numbers, each as it is where it is chosen."""
        found = []
        for truth, arm in zip((True, False), arms, strict=True):
            if self.of(test).holds(truth):
                with self._scope():
                    self._assume(test, truth)
                    maker = arm.producer
                    again = maker is not None and maker.operator.name in TRANSFERS
                    found.append(self._transfer(maker) if maker and again else self.of(arm))
                    found[-1] = self.of(arm).both(found[-1])
        return self.join(found[0], found[-1])

    def _compare(self, name: str, left: Value, right: Value) -> bool | None:
        """The answer of a comparison, where it is known."""
        if name in ("greater", "greater_equal"):
            name, left, right = name.replace("greater", "less"), right, left
        a, b = self.of(left), self.of(right)
        if name in ("equal", "not_equal"):
            if a.high < b.low or b.high < a.low:
                return name == "not_equal"
            same = a.only is not None and a.only == b.only
            return (name == "equal") if same else None
        distance = 1 if name == "less" else 0
        if a.high + distance <= b.low or self._is_below(a, right, distance):
            return True
        return False if b.high < a.low + distance or self._is_below(b, left, 1 - distance) else None

    def _is_below(self, one: Interval, other: Value, distance: int) -> bool:
        """Whether a bound of `one` and the polynomial of a value prove a distance."""
        dim = self._dim_of(other) if one.tops else None
        return dim is not None and any(self._of_dim(dim - top).low >= distance for top in one.tops)

    # What conditions say

    def _assume(self, value: Value, truth: bool) -> None:
        """From here on a bool is known."""
        self._set(value, Interval(truth, truth))
        node = value.producer
        if node is None:
            return
        name = node.operator.name
        if name in _COMPARISONS:
            if all(map(is_counted, node.operands)):
                left, right = node.operands
                self._assume_compared(name, left, right, truth)
        elif name == "logical_not":
            self._assume(node.operands[0], not truth)
        elif name in ("logical_and", "logical_or"):
            if truth is (name == "logical_and"):
                for operand in node.operands:
                    self._assume(operand, truth)
        elif name == "cond":
            arms = tuple(region.results[value.index] for region in node.regions)
            self._assume_arms(node.operands[0], arms, truth)
        elif name == "where":
            self._assume_arms(node.operands[0], node.operands[1:], truth)

    def _assume_arms(self, test: Value, arms: Sequence[Value], truth: bool) -> None:
        """Where one arm is the other constant, the other arm was taken."""
        for number, side in enumerate((True, False)):
            if self.of(arms[1 - number]).only == (not truth):
                self._assume(test, side)
                self._assume(arms[number], truth)
                return

    def _assume_compared(self, name: str, left: Value, right: Value, truth: bool) -> None:
        if name in ("greater", "greater_equal"):
            name, left, right = name.replace("greater", "less"), right, left
        if name in ("equal", "not_equal"):
            self._assume_equal(left, right, (name == "equal") is truth)
            return
        if not truth:
            name, left, right = "less" if name == "less_equal" else "less_equal", right, left
        distance = 1 if name == "less" else 0
        low, high = self.of(left).low, self.of(right).high
        tops = tuple(top - distance for top in self._tops(right))
        self._refine(left, Interval(low, high - distance, tops))
        self._refine(right, Interval(low + distance, high))

    def _assume_equal(self, left: Value, right: Value, same: bool) -> None:
        a, b = self.of(left), self.of(right)
        if same:
            self._refine(left, b)
            self._refine(right, a)
            return
        for value, interval, other in ((left, a, b), (right, b, a)):
            if other.only is not None and interval.low < interval.high:
                low = interval.low + (interval.low == other.only)
                high = interval.high - (interval.high == other.only)
                self._refine(value, Interval(low, high))

    def _refine(self, value: Value, interval: Interval) -> None:
        """From here on an integer is inside of an interval, too."""
        before = self.of(value)
        found = before.both(interval)
        if found == before:
            return
        self._set(value, found)
        node = value.producer
        if node is None:
            return
        name = node.operator.name
        if name in _SUMS:
            self._refine_sum(node, found)
        elif name == "dimension" and (part := _alone(node.attributes["dim"])) is not None:
            source = self._symbols.get(part[0])
            if source is not None:
                self._refine(source, found + Interval(-part[1], -part[1]))
        elif name == "where" and all(map(is_counted, node.operands)):
            self._refine_choice(node, found)

    def _refine_sum(self, node: Node, found: Interval) -> None:
        """One operand, of a sum with a number that did not wrap."""
        left, right = node.operands
        sign = _SUMS[node.operator.name]
        a, b = self.of(left), self.of(right)
        whole = full(node.result.type.dtype)
        exact = a + (b if sign > 0 else -b)
        wraps = exact.low < whole.low or exact.high > whole.high
        if wraps and node.operator.name not in CHECKED:
            return
        if b.only is not None:
            self._refine(left, found + Interval(-sign * b.low, -sign * b.low))
        elif a.only is not None and sign > 0:
            self._refine(right, found + Interval(-a.low, -a.low))

    def _refine_choice(self, node: Node, found: Interval) -> None:
        """What a condition compares, where the result of a choice by it is known better.

        ``i + n if i < 0 else i`` inside of 0..n says that i is inside of -n..n.
        """
        test, *arms = node.operands
        maker = test.producer
        if maker is None or maker.operator.name not in _COMPARISONS or self._choices > 1:
            return
        self._choices += 1
        for value in maker.operands:
            if not is_counted(value) or self.of(value).only is not None:
                continue
            sides = []
            for truth, arm in zip((True, False), arms, strict=True):
                with self._scope():
                    self._assume(test, truth)
                    self._refine(arm, found)
                    sides.append(self.of(value))
            self._set(value, self.of(value).both(self.join(*sides)))
        self._choices -= 1

    # Control

    def join(self, one: Interval, other: Interval) -> Interval:
        """The numbers of both, and those between."""
        tops = [top for top in one.tops if self._is_under(other, top)]
        tops += [top for top in other.tops if top not in tops and self._is_under(one, top)]
        return Interval(min(one.low, other.low), max(one.high, other.high), tuple(tops))

    def _is_under(self, interval: Interval, top: Dim) -> bool:
        if top in interval.tops or self._of_dim(top).low >= interval.high:
            return True
        return any(self._of_dim(top - other).low >= 0 for other in interval.tops)

    def _cond(self, node: Node) -> None:
        found: list[list[Interval]] = []
        for truth, region in zip((True, False), node.regions, strict=True):
            with self._scope():
                self._assume(node.operands[0], truth)
                self._block(region)
                found.append([self.of(v) if is_counted(v) else _ANY for v in region.results])
        for value, one, other in zip(node.results, *found, strict=True):
            if is_counted(value):
                self._set(value, self.join(one, other))

    def _for(self, node: Node) -> None:
        region = node.regions[0]
        start, stop, step = (self.of(value) for value in node.operands[:3])
        index = region.parameters[0]
        if step.low > 0:
            tops = tuple(top - 1 for top in self._tops(node.operands[1]))
            count = Interval(start.low, max(stop.high - 1, start.low), tops)
        elif step.high < 0:
            tops = self._tops(node.operands[0])
            count = Interval(min(stop.low + 1, start.high), start.high, tops)
        else:
            count = full(index.type.dtype)
        first = [self.of(v) if is_counted(v) else _ANY for v in node.operands[BOUNDS["for"] :]]
        own = carried(node, region)

        def body(state: list[Interval]) -> list[Interval]:
            self._enter(own, state)
            self._set(index, count)
            self._block(region)
            return self._leave(region.results)

        steady = self.counters(own, region.results, node.operands[BOUNDS["for"] :], node.results)
        state = self.settle(own, first, body, steady)
        self._enter(node.results, state)

    def counters(
        self,
        before: Sequence[Value],
        after: Sequence[Value],
        starts: Sequence[Value],
        results: Sequence[Value],
    ) -> set[int]:
        """The numbers of the carried values of a loop that are counters."""
        found = counters(before, after, starts, self.of, self._steady)
        self._steady.update(*((before[k], results[k]) for k in found))
        return found

    def settle(
        self,
        values: Sequence[Value],
        first: list[Interval],
        body: Callable[[list[Interval]], list[Interval]],
        steady: Set[int],
    ) -> list[Interval]:
        """What `values` are at the head of a loop whose body makes the next of the present ones.

        `steady`: which of them are counters.
        """
        state, tries = first, 0
        self._depth += 1
        while True:
            with self._scope():
                following = body(state)
            wider = [
                self._wider(full(v.type.dtype), one, other, tries) if is_counted(v) else _ANY
                for v, one, other in zip(values, state, following, strict=True)
            ]
            if tries > MOST_TRIES:
                wider = [full(v.type.dtype) if is_counted(v) else _ANY for v in values]
            for number in steady:
                wider[number] = within_reach(wider[number])
            if wider == state:
                break
            tries += 1 if self._depth < DEEP else MOST_TRIES
            state = wider
        self._depth -= 1
        return state

    def _wider(self, whole: Interval, one: Interval, other: Interval, tries: int) -> Interval:
        """An interval with what one more iteration gives, and after the first more than that."""
        low, high, tops = self.join(one, other)
        if tries and low < one.low:
            low = next((border for border in (0, -1) if border <= low), whole.low)
        if tries and high > one.high:
            high = whole.high
        return Interval(low, high, tuple(top for top in one.tops if top in tops))

    def _enter(self, values: Sequence[Value], state: Sequence[Interval]) -> None:
        for value, interval in zip(values, state, strict=True):
            if is_counted(value):
                self._set(value, interval)

    def _leave(self, values: Sequence[Value]) -> list[Interval]:
        return [self.of(value) if is_counted(value) else _ANY for value in values]


_ANY = Interval(0, 0)
_WHOLE = full(I64)


class _While:
    """One loop with a condition.

    `heads` are intervals of what is carried, before the condition; `entries` those of the
    iterations that run: where the condition is a carried bool, as the places that make it True have
    it.
    """

    def __init__(self, owner: Intervals, node: Node) -> None:
        self.owner, self.node = owner, node
        self.test, self.body = node.regions
        self.flags = [
            number
            for number, value in enumerate(self.test.parameters)
            if value in _conjuncts(self.test.results[0])
        ]

    def run(self) -> None:
        owner, node = self.owner, self.node
        heads = owner._leave(node.operands)
        entries = self.given(node.operands)
        inside = self.body.parameters
        steady = owner.counters(inside, self.body.results, node.operands, node.results)
        owner._steady.update(self.test.parameters[k] for k in steady)
        steady |= {k + len(inside) for k in steady}
        values = [*self.test.parameters, *self.test.parameters]
        both = owner.settle(values, [*heads, *entries], self.iterate, steady)
        heads = both[: len(heads)]
        with owner._scope():
            owner._enter(self.test.parameters, heads)
            owner._block(self.test)
            owner._assume(self.test.results[0], False)
            after = owner._leave(self.test.parameters)
        owner._enter(node.results, after)

    def given(self, values: Sequence[Value]) -> list[Interval]:
        """Intervals of values that are carried on, if the next iteration runs."""
        with self.owner._scope():
            for number in self.flags:
                self.owner._assume(values[number], True)
            return self.owner._leave(values)

    def iterate(self, state: list[Interval]) -> list[Interval]:
        owner, count = self.owner, len(self.node.operands)
        heads, entries = state[:count], state[count:]
        with owner._scope():
            owner._enter(self.test.parameters, entries)
            owner._block(self.test)
            owner._assume(self.test.results[0], True)
            inside = owner._leave(self.test.parameters)
        with owner._scope():  # what is noted of the condition's nodes holds for every visit
            owner._enter(self.test.parameters, heads)
            owner._block(self.test)
        owner._enter(self.body.parameters, inside)
        owner._block(self.body)
        return [*owner._leave(self.body.results), *self.given(self.body.results)]


def _conjuncts(value: Value) -> set[Value]:
    """The bools that are all True where a value is."""
    node = value.producer
    if node is None or node.operator.name != "logical_and":
        return {value}
    return {part for operand in node.operands for part in _conjuncts(operand)}


def _alone(dim: Dim) -> tuple[str, int] | None:
    """Symbol and constant of a polynomial that is their sum."""
    if isinstance(dim, int):
        return None
    terms = dict(dim.terms)
    constant = terms.pop((), 0)
    if len(terms) != 1:
        return None
    ((monomial, coefficient),) = terms.items()
    return (monomial[0], constant) if len(monomial) == 1 and coefficient == 1 else None
