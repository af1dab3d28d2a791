"""Lists, tuples, dicts and sets in traced functions: same results, one piece, no break."""

import collections
import operator
from typing import NamedTuple

import numpy as np
import pytest
from running import check, trace_call

import jitflow
from jitflow.guards.predicates import Equals, KeysAre, LengthIs, NotSame, TypeIs


def x3():
    return np.array([1.0, 2.0, 3.0])


class Pair(NamedTuple):
    left: object
    right: object = 7

    def swapped(self):
        return Pair(self.right, self.left)


Point = collections.namedtuple("Point", "x y", defaults=(5,))


def one_piece(function, *args, **kwargs):
    return check(function, *args, codes=[], pieces=1, **kwargs)


def test_list_of_arguments_is_read():
    def function(items):
        return items[0] + items[-1], len(items), items[1:], items[::-1]

    one_piece(function, [x3(), x3() + 1, x3() + 2])


def test_list_methods():
    def function(a):
        items = [a, a + 1]
        items.append(a + 2)
        items.extend((a + 3, a + 4))
        items.insert(0, a - 1)
        last = items.pop()
        second = items.pop(1)
        items.reverse()
        items[0], items[-1] = items[-1], items[0]
        del items[1]
        items += [second]
        items[1:2] = [last, last]
        return items, items.copy(), len(items)

    one_piece(function, x3())


def test_search_in_constants():
    def function(a, n):
        items = [3, 1, 2, n, "x"]
        return a + items.index(2), items.count(n), 5 in items, "x" in items, items.index(1, 1)

    one_piece(function, x3(), 3)


def test_sort_by_constant_keys():
    def function(a):
        items = [(2, a), (1, a + 1), (3, a + 2)]
        items.sort(key=operator.itemgetter(0), reverse=True)
        return sorted(items, key=lambda item: item[0]), items, sorted([3, 1, 2])

    one_piece(function, x3())


def test_mutation_of_an_argument_is_written_back():
    def function(items, a):
        items.append(a * 2)
        items[0] = a + 1
        return len(items)

    one_piece(function, [x3(), 1], x3())


def test_item_assignment_keeps_the_other_items():
    def function(items, a):
        items[1] = a + 1
        return items[1] + items[0]

    items = [x3(), x3()]
    first = items[0]
    one_piece(function, items, x3())
    assert items[0] is first


def test_two_names_of_one_list():
    def function(first, second, a):
        first.append(a + 1)
        return second[-1] + len(second)

    items = [x3()]
    one_piece(function, items, items, x3())


def test_lists_that_are_changed_are_guarded_apart():
    def function(first, second, a):
        first.append(a + 1)
        return second[0] + 1

    record = trace_call(function, [1.0], [2.0], x3())
    assert [g for g in record.guards if isinstance(g, NotSame)]


def test_values_never_looked_at_add_no_guard():
    def function(a, n, text, items):
        return a + 1, n, text, items

    record = trace_call(function, x3(), 3, "t", [1])
    assert record.guards == ()


def test_reading_guards_values():
    def function(a, n, items, table):
        return a + n + items[0] + table["k"]

    record = trace_call(function, x3(), 3, [1], {"k": 2})
    kinds = {type(guard) for guard in record.guards}
    assert kinds == {Equals, TypeIs, LengthIs, KeysAre}


def test_tuples():
    def function(a, pair):
        first, (second, third) = pair
        *head, tail = (a, a + 1, a + 2)
        return first + second, head, tail, pair + (a,), pair == (1, (2, 3)), (1, 2) < (1, 3), third

    one_piece(function, x3(), (1, (2, 3)))


def test_named_tuples():
    def function(a, point):
        pair = Pair(a + 1)
        made = Point(a, y=2)
        return pair, pair.left + pair.right, pair.swapped(), point.x + 1, made._replace(x=1), made

    one_piece(function, x3(), Point(x3()))


def test_dict_operations():
    def function(a, table):
        table["new"] = a + table["w"]
        table["w"] = a
        del table["old"]
        copied = {**table, "z": 1} | {"y": 2}
        total = a
        for key, value in table.items():
            if key != "n":
                total = total + value
        return copied, total, "w" in table, table.get("none"), list(table), table.pop("n", 0)

    one_piece(function, x3(), {"w": x3(), "old": 3, "n": 4})


def test_dict_methods():
    def function(a):
        made = dict(x=a, y=a + 1)
        made.setdefault("z", []).append(a)
        made.update({"x": a + 2}, w=1)
        item = made.popitem()
        empty = dict.fromkeys(["p", "q"], 0)
        return (
            made,
            item,
            {k: v + 1 for k, v in empty.items()},
            list(made.keys()),
            tuple(made.values()),
        )

    one_piece(function, x3())


def test_default_and_ordered_dicts():
    def function(a, given):
        groups = collections.defaultdict(list)
        for i in range(4):
            groups[i % 2].append(a + i)
        ordered = collections.OrderedDict(p=a, q=a + 1)
        ordered.move_to_end("p")
        given["k"] += a
        return groups, ordered, len(groups)

    one_piece(function, x3(), collections.defaultdict(float, k=1.0))


def test_replaced_dict_value_is_not_read_from_its_source_again():
    def function(table, a):
        old = table["w"]
        table["w"] = a + 1
        return table["w"] + old, old

    one_piece(function, {"w": x3()}, x3())


def test_removed_and_added_again_changes_the_order():
    def function(table, a):
        value = table.pop("p")
        table["p"] = value + 1
        return a + 1

    one_piece(function, {"p": 1, "q": 2}, x3())


def test_sets():
    def function(a, names):
        names.add("new")
        names.discard("p")
        return a + len(names), "q" in names, {1, 2} | {3}, {1, 2} <= {1, 2, 3}, {1, 2, 3} & {2}

    one_piece(function, x3(), {"p", "q"})


def test_comprehensions_and_unpacking():
    def function(a, items):
        squares = [item * item for item in items]
        table = {i: item for i, item in enumerate(squares)}
        kinds = {i % 2 for i in range(5)}
        return [*squares, a], table, kinds, max(i for i in range(4)), sum(squares)

    one_piece(function, x3(), [x3(), x3() + 1])


def test_iterators():
    def function(a, items):
        out = []
        for i, (x, y) in enumerate(zip(items, reversed(items)), 1):
            out.append(x * y + i)
        out += map(lambda v: v + 1, items)
        out += filter(None, [0, 1, 2])
        it = iter(items)
        first = next(it)
        return out, first, next(it), next(it, None), list(range(5, 0, -2)), range(3)

    one_piece(function, x3(), [x3(), x3() + 1])


def test_combinations_with_replacement():
    import itertools

    def function(a):
        rows = [itertools.combinations_with_replacement(range(3), r) for r in range(3)]
        terms = [list(c) for row in rows for c in row]
        none = list(itertools.combinations_with_replacement([], 2))
        return terms, none, [a[:, c].prod(axis=1) for c in terms if c]

    one_piece(function, np.arange(12.0).reshape(4, 3))


def test_many_combinations_are_left_to_python():
    import itertools

    def function(a):
        found = 0
        for makes in (
            itertools.combinations(range(80), 40),
            itertools.permutations(range(40)),
            itertools.combinations_with_replacement(range(80), r=40),
            itertools.product([2, 3], [0, 1], repeat=20),
        ):
            found += next(makes)[1] + 1
        return a + found

    x = np.arange(3.0)
    np.testing.assert_array_equal(jitflow.compile(function)(x), function(x))


def test_itertools_and_reduce():
    import functools
    import itertools

    def function(a):
        rows = list(itertools.product([1, 2], [3]))
        rows += itertools.combinations([1, 2, 3], 2)
        rows += itertools.zip_longest([1], [2, 3])
        chained = list(itertools.chain([a], (a + 1,)))
        counted = list(itertools.islice(itertools.count(3, 2), 3))
        total = functools.reduce(operator.add, chained)
        return (
            rows,
            total,
            counted,
            list(itertools.accumulate([1, 2, 3])),
            list(itertools.repeat(a, 2)),
        )

    one_piece(function, x3())


def test_shape_arithmetic():
    def function(a):
        n, m = a.shape
        return a.shape == (2, 3), a + n * m, [0] * n, (1,) * m, a.shape[1:], a.shape[::-1]

    one_piece(function, np.ones((2, 3)))


def test_strings():
    def function(a, name):
        key = f"{name}_{1:02d}"
        return (
            a + 1,
            key,
            name.upper(),
            "a,b".split(","),
            "-".join(["p", name]),
            "%s!" % name,
            name[1:],
        )

    one_piece(function, x3(), "weight")


@pytest.mark.parametrize(
    "body",
    [
        lambda a: [1, 2][5] + a,
        lambda a: {"k": 1}["q"] + a,
        lambda a: (1, 2).index(3) + a,
        lambda a: [].pop() + a,
        lambda a: {}.popitem(),
        lambda a: a + (1 // 0),
        lambda a: a + int("x"),
        lambda a: [3, "x"] < [3, 1],
        lambda a: next(iter([])),
        lambda a: min([]),
        lambda a: len(5),
        lambda a: (lambda u: u)(1, 2),
        lambda a: {[]: 1},
    ],
)
def test_what_raises_is_left_to_python(body):
    runner = check(body, x3())
    assert runner.codes


def test_iteration_over_sets_has_their_order():
    given = {"p", "q", int, 3}

    def function(a):
        words = set(["one", "two", "three", "four"])
        words.add("five")
        return a + 1, list(words), list(given), [t for t in {int, float} if t in given]

    one_piece(function, x3())


def test_sets_copied_as_tables_are_iterated_by_python():
    def function(a, given):
        copied = set(given) - {1}
        return a + 1, list(copied)

    check(function, x3(), {1, 2, 3}, codes=["JF-B003"])  # whose order is the same in every process


def test_dict_that_changes_size_while_iterated():
    def function(table):
        for key in table:
            table.pop(key)

    check(function, {"a": 1, "b": 2})


def test_keys_compared_with_sets():
    def function(a, table):
        return a + 1, table.keys() == {"k"}, table.keys() <= {"k", "q"}, abs(table["k"])

    one_piece(function, x3(), {"k": 3 + 4j})


def test_tuples_of_other_lengths_are_asked_for_their_items():
    """Eager Python compares items before lengths, which raises for arrays."""

    def function(items):
        try:
            return items == (2, 3), (1, 2) == (1, 2, 3)
        except ValueError as error:
            return str(error)

    check(function, (x3(),))
    check(function, (2, x3(), x3()))
    check(function, (2,))


class Vector(NamedTuple):
    x: float
    y: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)


class Versioned(NamedTuple):
    number: int
    text: str

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = tuple.__hash__

    def __len__(self):
        return 7


@pytest.mark.parametrize("capture", [False, True])
def test_named_tuples_with_operators_of_their_own(capture):
    @jitflow.compile
    def orbit(n, p, v):
        path = np.zeros((n, 2))
        for i in range(n):
            r = (p.x * p.x + p.y * p.y) ** 1.5
            v = v + p * (-0.01 / r)
            p = p + 0.01 * v
            path[i] = p
        return path, p, -v, (1, 2) + (3,), 2 * (1, 2)

    start = Vector(1.0, 0.0), Vector(0.0, 1.0)
    expected = orbit.__wrapped__(20, *start)
    with jitflow.config().override(capture_loops=capture):
        for _ in range(3):
            found = orbit(20, *start)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
    assert [type(item) for item in found] == [type(item) for item in expected]
    assert found[3:] == expected[3:]


def test_named_tuples_that_are_compared_or_measured_in_a_way_of_their_own():
    @jitflow.compile
    def asked(a, b, x):
        c = Versioned(a.number, "c")
        return a == b, len(a), a == c, len(c), x + 1, a in [b]

    a, b = Versioned(1, "a"), Versioned(1, "b")
    x = np.ones(3)
    found, expected = asked(a, b, x), asked.__wrapped__(a, b, x)
    np.testing.assert_array_equal(found[4], expected[4])
    assert found[:4] + found[5:] == expected[:4] + expected[5:]


def test_displays_that_grow_from_piece_to_piece():
    """What is under construction at a break comes back from outside, with items of any kind."""

    def function(xs, keys):
        squares = {x * x for x in xs}
        table = {np.float32(k): -k for k in keys}
        return squares, table, {**table, "more": len(squares)}, [*squares]

    numbers = {np.float32(2), np.float32(3), np.float32(0.5)}
    check(function, numbers, [1.0, 2.0])
    check(function, [np.float32(2), np.float32(3)], {1.5, 2.5})
