"""Programs for the stepping tests: each uses one corner of Python, takes nothing, may print."""

# fmt: off
# ruff: noqa - undefined names, odd layout and old idioms are what is tested

import sys
import weakref

PROGRAMS = []
COUNTER = 0


def program(function):
    PROGRAMS.append(function)
    return function


class Manager:
    def __init__(self, swallow=False):
        self.swallow = swallow

    def __enter__(self):
        print("enter")
        return self

    def __exit__(self, kind, value, trace):
        print("exit", kind, value)
        return self.swallow


class Base:
    def __init__(self, x):
        self.x = x

    def area(self, scale=1):
        return self.x * scale

    @classmethod
    def make(cls, x):
        return cls(x)


class Derived(Base):
    def __init__(self, x):
        super().__init__(x + 1)
        self.y = lambda: self.x

    def area(self, scale=2):
        return super().area(scale) + self.y()


def fail(x):
    if x > 2:
        raise ValueError(f"too large: {x}")
    return x


def fail_deep(x):
    y = fail(x) + 1
    return y


@program
def for_while_else():
    out = []
    for i in range(5):
        if i == 1:
            continue
        for j in "ab":
            out.append((i, j))
            if i == 3:
                break
        else:
            out.append("else")
    n = 3
    while n:
        n -= 1
        if n == 1:
            out.append("one")
    else:
        out.append("done")
    return out, n, i, j


@program
def conditions():
    out = []
    for x in (0, 1, None, "", "a", 2.5):
        out.append(x if x is not None else "none")
        out.append(x and 3)
        out.append(x or 4)
        out.append(not x)
        if x is None:
            out.append("n")
        elif 0 < (y := x == 1) < 2:
            out.append(y)
        assert x != 99, "message"
    return out, 1 < 2 < 3, 1 in out, 5 not in out


@program
def with_and_try():
    for i in range(4):
        with Manager(swallow=i == 2) as manager, Manager():
            try:
                print(i, manager.swallow)
                if i == 1:
                    continue
                if i == 2:
                    raise KeyError(i)
            except IndexError:
                print("never")
            else:
                print("fine")
            finally:
                print("finally", i)
    return i


@program
def return_in_finally_and_with():
    def inner(n):
        with Manager():
            for i in range(n):
                try:
                    if i == 2:
                        return i
                finally:
                    print("leaving", i)
        return "end"

    return inner(2), inner(5)


@program
def handler_variables():
    log = []
    for value in ("1", "x", None):
        try:
            log.append(int(value))
        except ValueError as error:
            log.append(str(error))
        except TypeError:
            log.append(sys.exc_info()[0])
            try:
                raise
            except TypeError as again:
                log.append(again.__traceback__.tb_lineno - again.__traceback__.tb_lineno)
    try:
        log.append(error)
    except NameError as missing:
        log.append(str(missing))
    return log, sys.exc_info()


@program
def raised_from():
    try:
        try:
            fail_deep(7)
        except ValueError as error:
            raise KeyError("outer") from error
    except KeyError:
        fail(9)


@program
def raised_in_handler():
    try:
        fail_deep(3)
    except ValueError:
        [][1]


@program
def raised_through_frames():
    total = 0
    for i in range(5):
        total += fail_deep(
            i
        )
    return total


@program
def raised_and_caught_in_frames():
    out = []
    for i in range(5):
        try:
            out.append(fail_deep(i))
        except ValueError as error:
            trace, lines = error.__traceback__, []
            while trace:
                lines.append((trace.tb_lineno, trace.tb_frame.f_code.co_name))
                trace = trace.tb_next
            out.append((str(error), lines, error.__context__))
    return out


@program
def exception_groups():
    out = []
    try:
        raise ExceptionGroup("group", [ValueError(1), TypeError(2), KeyError(3)])
    except* ValueError as values:
        out.append(values.exceptions)
    except* TypeError as types:
        out.append(types.exceptions)


@program
def assertion():
    x = 3
    assert x == 4, f"{x} is not 4"


@program
def unbound_local():
    if COUNTER > 100:
        x = 1
    print("before")
    return x


@program
def unbound_cell():
    def inner():
        return x

    if COUNTER > 100:
        x = 1
    try:
        inner()
    except NameError as error:
        print(error)
    return x


@program
def deletes():
    x, y = [1, 2, 3], {"a": 1}
    del x[1], y["a"]
    manager = Manager()
    del manager.swallow
    z = 4
    del z
    try:
        return x, y, z
    except UnboundLocalError as error:
        return x, y, vars(manager), str(error)


@program
def closures():
    def counter(start):
        count = start

        def increase(by=1, *, log=None):
            nonlocal count
            count += by
            if log is not None:
                log.append(count)
            return count

        return increase

    first, second, log = counter(1), counter(10), []
    return first(), first(5), second(log=log), second(2, log=log), log


@program
def only_free_variables():
    a, b, items = 1, [2], [3, 4]

    def inner():
        return [a, *b, len(items), sum(items), max(a, len(b))]

    def fails():
        return a + undefined

    if COUNTER > 100:
        undefined = 0
    try:
        fails()
    except NameError as error:
        return inner(), str(error), sorted(inner.__code__.co_freevars)


@program
def arguments_in_cells():
    def outer(x, *args, key=3, **kwargs):
        x += 1
        function = lambda: (x, args, key, kwargs)
        key = 4
        return function(), locals()["x"], sorted(locals())

    return outer(1), outer(1, 2, 3, key=5, more=6)


@program
def calls():
    def target(a, b=2, /, c=3, *rest, d, e=5, **more):
        return a, b, c, rest, d, e, more

    numbers, words = [1, 2, 3, 4], {"d": 4, "z": 9}
    return (
        target(1, d=2),
        target(*numbers, **words),
        target(1, *numbers[1:], d=0, **{"q": 1}),
        max(numbers, key=lambda n: -n),
        "-".join(str(n) for n in numbers),
        print("a", "b", sep="+", end="!\n"),
        sorted(numbers, reverse=True).index(3),
    )


@program
def wrong_calls():
    out = []
    for arguments in ((), (1, 2, 3), (1,)):
        try:
            out.append(fail(*arguments))
        except TypeError as error:
            out.append(str(error))
    return out


@program
def comprehensions():
    x, rows = "kept", [[1, 2], [3, 4]]
    flat = [y for row in rows for y in row if y != 2]
    table = {x: [z for z in range(x)] for x in flat}
    later = [lambda: (x, y) for x in flat for y in "ab"]
    return flat, table, {y % 2 for y in flat}, x, [f() for f in later], sum(y for y in flat), [
        [a * b for b in flat] for a in flat
    ]


@program
def comprehension_raises():
    x = 5
    try:
        return [fail(x) for x in range(5)]
    except ValueError as error:
        return x, str(error)


@program
def classes():
    class Local(Base):
        kind = "local"
        values = [n * 2 for n in range(3)]

        def area(self):
            return super().area(3), __class__.__name__, self.kind

    base, derived, local = Base(2), Derived(3), Local.make(4)
    derived.x += 1
    derived.x **= 2
    return base.area(), derived.area(), local.area(), Derived.area(derived), Local.values


@program
def init_returns_a_value():
    class Wrong:
        def __init__(self):
            return 1

    return Wrong()


@program
def unpacking():
    a, b = 1, 2
    a, b = b, a
    first, *middle, last = range(6)
    (c, d), [e] = (1, 2), "x"
    merged = {**{"a": 1}, "b": 2, **{"a": 3}}
    s = list(range(10))
    s[2:4] = "ab"
    s[0], s[1] = s[1], s[0]
    s[-1] += 5
    try:
        a, b, c = 1, 2
    except ValueError as error:
        message = str(error)
    return a, b, first, middle, last, c, d, e, merged, {*middle, 9}, (*middle, 8), s[1:7:2], message


@program
def formatting():
    x, y, width = 3.14159, "text", 8
    return f"{x:.2f} {y!r:>{width}} {y=} {x + 1:{width}.3} {{}} {y!s}{y!a}", "%s-%d" % (y, 3)


@program
def matching():
    def kind(value):
        match value:
            case 0 | 1:
                return "small"
            case int(n) if n > 100:
                return "large", n
            case [first, *rest]:
                return first, rest
            case {"key": key, **others}:
                return key, others
            case Base(x=x):
                return "base", x
            case str() as text:
                return text
            case _:
                return None

    values = (0, 1, 500, 7, [1, 2, 3], {"key": 1, "b": 2}, Base(6), "t", (), {})
    return [kind(value) for value in values]


@program
def global_names():
    global COUNTER
    COUNTER += 1
    before = COUNTER
    COUNTER = 0
    try:
        return before, COUNTER, not_defined_anywhere
    except NameError as error:
        return before, str(error)


@program
def imports():
    import os.path as path
    from math import floor, pi as circle

    return path.join("a", "b"), floor(circle)


@program
def local_names():
    a = 1
    first = sorted(locals())
    b = [name for name in locals()]
    vars()["a"]
    return first, b, eval("a + 1"), sorted(dir())


@program
def inner_names():
    a = 1
    f = lambda: a
    for b in range(2):
        print(sorted(locals()), locals()["a"])
    return f()


@program
def nothing_but_a_constant():
    return 5


@program
def no_variables():
    print("x")
    print(len("abc"), [1, 2, 3][len("a")])
    return [len(c) for c in ("a", "bb")]


@program
def many_variables():
    source = "\n    ".join(f"v{i} = {i}; w{i} = lambda: v{i}" for i in range(130))
    namespace = {}
    result = "g = len([1])\n    return v129, w129(), g, max(v0, v120, w7())"
    exec(f"def f():\n    {source}\n    {result}", namespace)
    return namespace["f"]()


@program
def long_jumps():
    body = "\n        ".join(f"total += {i} * len('abc')" for i in range(40))
    loop = f"for i in range(n):\n        {body}\n        if i > 1:\n            break"
    source = f"def f(n):\n    total = 0\n    {loop}\n    return total"
    namespace = {}
    exec(source, namespace)
    return namespace["f"](5)


@program
def operators():
    a, b = 7, 3
    c = [a + b, a - b, a * b, a / b, a // b, a % b, a**b, a << b, a >> b, a & b, a | b, a ^ b]
    a += b
    a //= 2
    a |= 8
    return c, a, -a, +a, ~a, not a, a == b, a != b, a is b, a is not b


@program
def nested_call_arguments():
    numbers = [3, 1, 2]
    return max(len(str(sum(numbers))), abs(min(numbers, key=lambda n: -abs(n))), int("4", base=16))


@program
def iterator_with_state():
    items = iter([1, 2, 3, 4])
    out = []
    for a in items:
        out.append((a, next(items)))
        for b in items:
            out.append(b)
            break
    return out, list(items)


@program
def generator_consumed():
    def numbers(n):
        for i in range(n):
            received = yield i
            print("received", received)
        return "end"

    def delegating():
        result = yield from numbers(2)
        print(result)

    out = []
    for n in numbers(2):
        out.append(n)
    return out, list(delegating()), [n for n in numbers(1)]


@program
def stop_iteration_passes():
    return next(iter([]))


@program
def recursion():
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    return fibonacci(7)


@program
def objects_die_when_they_would():
    class Thing:
        pass

    events = []

    def use(thing):
        weakref.finalize(thing, events.append, "dead")
        thing = None
        events.append("use")
        return thing

    use(Thing())
    events.append("after")
    thing = Thing()
    reference = weakref.ref(thing)
    events.append(sys.getrefcount(thing))
    del thing
    events.append(reference() is None)
    for item in [Thing()]:
        reference = weakref.ref(item)
    item = 3
    events.append(reference() is None)
    try:
        thing = Thing()
        reference = weakref.ref(thing)
        fail(9)
    except ValueError:
        del thing
        events.append(reference() is None)
    return events


@program
def locals_of_failed_frames_die():
    class Thing:
        pass

    references = []

    def failing():
        thing = Thing()
        references.append(weakref.ref(thing))
        raise KeyError(1)

    try:
        failing()
    except KeyError:
        alive = references[0]() is None
    return alive, references[0]() is None


@program
def context_inside_handler():
    def noisy():
        try:
            fail(5)
        except ValueError:
            raise IndexError("second")

    try:
        {}["first"]
    except KeyError:
        try:
            noisy()
        except IndexError as error:
            chain = []
            while error is not None:
                chain.append(repr(error))
                error = error.__context__
            return chain, repr(sys.exc_info()[1])


@program
def caller_handles_something():
    try:
        raise OSError("being handled")
    except OSError:
        raised_in_handler()


@program
def warnings_have_the_line():
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("careful")
    return [(w.lineno, w.filename, str(w.message)) for w in caught]


@program
def system_exit():
    try:
        sys.exit(3)
    finally:
        print("cleaning")


@program
def interrupted():
    try:
        for i in range(3):
            with Manager():
                raise KeyboardInterrupt
    finally:
        print("cleaning", i)
