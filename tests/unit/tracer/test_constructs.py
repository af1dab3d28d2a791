"""Each construct of the language twice: in one piece, and broken at every ``tick()`` in it."""

import contextlib
import os

import numpy as np
import pytest
from running import check

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def quiet():
    """Inlined, does nothing."""


def breaking():
    """Inlined, and Python runs what is in it."""
    os.getpid()


@contextlib.contextmanager
def swallowing(log):
    log.append("enter")
    try:
        yield 3
    except ValueError as error:
        log.append(str(error))
    finally:
        log.append("leave")


class Suppress:
    def __init__(self, log, kind):
        self.log, self.kind = log, kind

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, kind, error, traceback):
        self.log.append(kind.__name__ if kind else None)
        return kind is not None and issubclass(kind, self.kind)


class Vector:
    count = 0

    def __init__(self, x, scale=1.0):
        self.x = x
        self.scale = scale
        Vector.count += 1

    @property
    def scaled(self):
        return self.x * self.scale

    @staticmethod
    def zero(n):
        return Vector(np.zeros(n))

    @classmethod
    def ones(cls, n):
        return cls(np.ones(n), scale=2.0)

    def __add__(self, other):
        return Vector(self.x + other.x, self.scale)

    def __getitem__(self, i):
        return self.x[i]

    def __len__(self):
        return len(self.x)

    def __eq__(self, other):
        return isinstance(other, Vector) and self.scale == other.scale

    def __hash__(self):
        return 1


@program
def return_in_finally(x, log, tick):
    for i in range(3):
        try:
            tick()
            if i == 1:
                return x * i
        finally:
            log.append(i)
            tick()
    return x


@program
def exception_through_nested_handlers(x, log, tick):
    y = x
    try:
        try:
            tick()
            y = y + 1
            raise ValueError("one")
        except KeyError:
            log.append("wrong")
        finally:
            tick()
            log.append("inner finally")
            y = y * 2
    except ValueError as error:
        log.append(error.args)
        tick()
        y = y - 1
    else:
        log.append("wrong")
    return y


@program
def exception_is_chained(x, log, tick):
    try:
        try:
            tick()
            raise KeyError("first")
        except KeyError as error:
            tick()
            raise RuntimeError("second") from error
    except RuntimeError as error:
        log.append(repr(error.__cause__))
        log.append(type(error.__context__).__name__)
    return x + 1


@program
def exception_variable_is_deleted(x, log, tick):
    error = "before"
    try:
        raise ValueError("v")
    except ValueError as error:
        tick()
        log.append(str(error))
    try:
        return error
    except UnboundLocalError:
        tick()
        return x


@program
def bare_raise_is_reraised(x, log, tick):
    def inner():
        try:
            tick()
            raise ValueError("inner")
        except ValueError:
            log.append("seen")
            tick()
            raise

    try:
        inner()
    except ValueError as error:
        log.append(str(error))
    return x * 2


@program
def loop_left_from_try_and_with(x, log, tick):
    for i in range(5):
        with Suppress(log, KeyError):
            try:
                tick()
                if i == 1:
                    continue
                if i == 3:
                    break
                x = x + i
            finally:
                log.append(i)
                tick()
    return x


@program
def with_swallows(x, log, tick):
    with swallowing(log) as k, Suppress(log, KeyError):
        x = x * k
        tick()
        if k == 3:
            raise ValueError("swallowed")
        x = x * 100
    tick()
    return x + 1


@program
def exception_leaves_a_with(x, log, tick):
    with Suppress(log, KeyError):
        tick()
        x = x + 1
        raise ValueError(f"from {len(x)}")
    return x


@program
def return_inside_with(x, log, tick):
    with Suppress(log, KeyError) as manager:
        tick()
        return x * 2, manager is not None
    return x


@program
def cells_before_and_after(x, log, tick):
    count = 0
    total = x

    def add(y):
        nonlocal count, total
        count += 1
        tick()
        total = total + y * count
        return total

    def get():
        return total, count

    add(1.0)
    tick()
    add(x)
    total = total * 2
    tick()
    return get(), add


@program
def unbound_cell(x, log, tick):
    def get():
        return later  # noqa: F821 - deleted below

    try:
        tick()
        get()
    except NameError as error:
        log.append(type(error).__name__)
    later = x * 2
    tick()
    first = get()
    del later
    tick()
    try:
        get()
    except NameError as error:
        log.append(str(error))
    return first


@program
def class_statement(x, log, tick):
    class Local:
        factor = 2.0

        def apply(self, y):
            tick()
            return y * self.factor

    tick()
    return Local().apply(x)


@program
def objects(x, log, tick):
    v = Vector(x, scale=3.0)
    tick()
    w = v + Vector.ones(3) + Vector.zero(3)
    w.scale += 1
    tick()
    return w.scaled, w[1], len(w), v == w, v is v, v.x


@program
def generator_by_hand(x, log, tick):
    def numbers(n):
        log.append("start")
        for i in range(n):
            yield x * i
        log.append("end")

    g = numbers(2)
    first = next(g)
    tick()
    second = next(g)
    third = next(g, None)
    return first, second, third


@program
def generator_closed_early(x, log, tick):
    def numbers():
        try:
            yield 1
            yield 2
        finally:
            log.append("closed")

    total = x
    for n in numbers():
        tick()
        total = total + n
        break
    return total


@program
def generator_with_return(x, log, tick):
    def inner():
        yield 1
        return 5

    def outer():
        value = yield from inner()
        yield value

    tick()
    return x + sum(outer())


@program
def generator_that_raises(x, log, tick):
    def numbers():
        yield 1
        tick()
        raise ValueError("in generator")

    total = x
    try:
        for n in numbers():
            total = total + n
    except ValueError as error:
        log.append(str(error))
    return total


@program
def walrus_and_chained_comparison(x, log, tick):
    if (n := len(x)) > 2 and 0 < n < 10 != n:
        tick()
        x = x + n
    return [y := x * 2, y + 1]


@program
def conditional_expressions(x, log, tick):
    n = x.shape[0]
    y = (x if n == 3 else tick()) + (0 if n else 1)
    z = not n or None
    return y, z, n and x, [] or x


@program
def nested_loops_with_else(x, log, tick):
    for i in range(3):
        for j in range(3):
            if j == 2 and i == 1:
                tick()
                break
            x = x + j
        else:
            log.append(i)
            continue
        tick()
        break
    else:
        log.append("no")
    return x


@program
def while_with_else(x, log, tick):
    n = 3
    while n:
        n -= 1
        tick()
        x = x * 1.5
        if n == 5:
            break
    else:
        x = x + 10
    return x


@program
def dictionaries(x, log, tick):
    d = {"a": x, "b": 2}
    d["c"] = d["a"] + d.get("missing", 1)
    tick()
    d |= {"e": 5}
    del d["b"]
    for key, value in d.items():
        tick()
        log.append(key)
        x = x + value
    return x, {**d, "f": 1}, list(d), "a" in d, d.pop("e"), len(d)


@program
def lists_and_tuples(x, log, tick):
    items = [x, 1, (2, 3)]
    a, b, (c, d) = items
    head, *tail = items
    tick()
    items += [a + b]
    items.extend((c, d))
    items[1:2] = [9, 9]
    tick()
    del items[0]
    e = f = items[-1]
    return items, tail[0], head + c + d + e + f, items.index(9), tuple(items)[1:3]


@program
def sets_and_strings(x, log, tick):
    s = {1, 2, 3} & {2, 3, 4}
    s.add(7)
    tick()
    text = f"{len(s)}:{x.shape}:{'a' * 2!r}:{3.14159:.2f}:{'z':>3}"
    return x + len(text), text, sorted(s), text.upper().split(":")


@program
def star_arguments(x, log, tick):
    def f(a, *args, k=1.0, **kwargs):
        tick()
        return a * k + sum(args) + sum(kwargs.values())

    def g(*args, **kwargs):
        return f(*args, **kwargs)

    return g(x, 1, 2, k=2.0, z=3), f(*[x], **{"k": 3.0}), g(x)  # noqa: PIE804


@program
def lambdas_and_defaults(x, log, tick):
    scale = 2.0
    fs = [lambda y, i=i: y * i + scale for i in range(3)]
    tick()
    scale = 5.0
    return [f(x) for f in fs], sorted([3, 1, 2], key=lambda v: -v)


@program
def map_filter_zip(x, log, tick):
    tick()
    doubled = list(map(lambda a, b: a * b, [x, x], [2, 3]))
    kept = [*filter(None, [0, 1, 2])]
    return doubled, kept, dict(zip("ab", doubled)), [(i, k) for i, k in enumerate(kept, 5)]


@program
def recursion(x, log, tick):
    def walk(tree):
        if isinstance(tree, list):
            return sum(walk(part) for part in tree)
        tick()
        return tree * 2

    return walk([x, [x, 1.0], [[2.0]]])


@program
def augmented_targets(x, log, tick):
    v = Vector(x.copy())
    v.x += 1
    tick()
    v.x[0] *= 10
    d = {"n": 1}
    d["n"] += 2
    tick()
    items = [1, x]
    items[1] = items[1] - 1
    return v.x, d, items


@program
def views_across_breaks(x, log, tick):
    y = x * 2
    first = y[:2]
    tick()
    first += 5
    tick()
    y[0] = -1
    return y, first, first.base is y


@program
def aliases_across_breaks(x, log, tick):
    a = [x]
    b = a
    tick()
    b.append(x + 1)
    c = (a, b)
    tick()
    a.append(2)
    return a, b, a is b, c[0] is c[1], a[0] is x


@program
def class_attribute_is_changed(x, log, tick):
    before = Vector.count
    Vector(x)
    tick()
    Vector(x)
    return Vector.count - before


@program
def deep_calls(x, log, tick):
    def f(y, n):
        if n == 0:
            tick()
            return y
        try:
            return f(y + 1, n - 1) * 2
        finally:
            log.append(n)

    return f(x, 4)


@program
def exception_from_deep_call(x, log, tick):
    def f(n):
        if n == 0:
            tick()
            raise KeyError(n)
        try:
            f(n - 1)
        except ValueError:
            log.append("wrong")
        finally:
            log.append(n)

    try:
        f(3)
    except KeyError:
        tick()
        return x
    return x + 1


@program
def handler_swallows_in_a_callee(x, log, tick):
    def careful(y):
        try:
            tick()
            return y.missing
        except AttributeError:
            return y * 2

    return careful(x) + careful(x)


@program
def del_and_rebind(x, log, tick):
    y = x + 1
    z = y
    del y
    tick()
    try:
        y  # noqa: F821
    except UnboundLocalError:
        log.append("unbound")
    y = z * 2
    return y


@program
def global_statement(x, log, tick):
    global shared
    shared = x * 2
    tick()
    shared = shared + 1
    return shared


@program
def comprehension_scopes(x, log, tick):
    n = 10
    outer = [n * i for i in range(2)]
    fs = [(lambda: n + i) for i in range(2)]
    tick()
    n = 20
    return outer, [f() for f in fs], {k: [j for j in range(k)] for k in range(3)}  # noqa: C416


@program
def comprehension_with_breaks(x, log, tick):
    return [(tick(), x * i)[1] for i in range(3) if i != 1]


@program
def structural_matching(x, log, tick):
    results = []
    for subject in (1, "a", [1, 2], {"k": 3}, (x, 1), Vector(x), None):
        match subject:
            case int():
                results.append("int")
            case [first, *_]:
                tick()
                results.append(("sequence", first))
            case {"k": value}:
                results.append(("mapping", value))
            case Vector(scale=s):
                results.append(("vector", s))
            case None:
                results.append("none")
            case other:
                results.append(other)
    return results


@program
def print_like_order(x, log, tick):
    def show(value):
        log.append(value)
        tick()
        return value

    return show(1) + show(2) * show(3), [show(4), show(5)], {show(6): show(7)}


@program
def assertions(x, log, tick):
    assert len(x) == 3
    tick()
    assert x.ndim == 1, "rank"
    return x


@program
def imports(x, log, tick):
    import math

    tick()
    from math import floor as down

    return x * math.pi, down(2.5)


@program
def long_loop_with_everything(x, log, tick):
    total = x * 0
    for i in range(70):
        if i % 20 == 3:
            continue
        try:
            if i == 40:
                tick()
                raise ValueError(i)
            total = total + i
        except ValueError as error:
            log.append(error.args[0])
        if i == 66:
            break
    else:
        log.append("wrong")
    return total


@pytest.mark.parametrize("tick", [quiet, breaking], ids=["whole", "broken"])
@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_construct(function, tick):
    check(function, np.array([1.0, 2.0, 3.0]), [], tick)
