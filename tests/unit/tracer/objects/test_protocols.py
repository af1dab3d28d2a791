"""Descriptors, metaclasses, constructors, text, identities and caches written by the user."""

import functools
import types

import numpy as np
from running import Runner, check

stop = __import__("os").getpid


def x3():
    return np.array([1.0, 2.0, 3.0])


def one_piece(function, *args, **kwargs):
    return check(function, *args, codes=[], pieces=1, **kwargs)


class Positive:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else instance.__dict__.get(self.name, 1.0)

    def __set__(self, instance, value):
        instance.__dict__[self.name] = value * 2


class Described:
    gain = Positive()


class Tagging(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.tag = len(args)
        return made


class Tagged(metaclass=Tagging):
    def __init__(self, x):
        self.x = x


class Once:
    instance = None

    def __new__(cls, x):
        made = super().__new__(cls)
        made.made = True
        return made

    def __init__(self, x):
        self.x = x


class Shown:
    def __init__(self, n):
        self.n = n

    def __repr__(self):
        return f"Shown({self.n})"

    def __format__(self, spec):
        return f"<{spec}>"


class Base:
    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)

    def params(self):
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    def update(self, **fields):
        self.__dict__.update(fields)
        return self


def test_descriptors():
    def function(described, x):
        described.gain = x + 1
        return x * described.gain, Described().gain

    one_piece(function, Described(), x3())


def test_metaclass_call():
    def function(x):
        made = Tagged(x)
        return made.x + made.tag, made.tag

    one_piece(function, x3())


def test_own_constructor():
    def function(x):
        made = Once(x)
        return made.x + 1, made.made, made

    one_piece(function, x3())


def test_text_of_instances():
    def function(x):
        shown = Shown(3)
        return x + 1, repr(shown), str(shown), f"{shown!r} {shown:05}", f"{[1, 2.5]} {x.shape}"

    one_piece(function, x3())


def test_instance_dictionary():
    def function(base, x):
        made = Base(a=x, b=2, _c=3)
        base.update(p=x, q=1)
        base.late = x + 1
        table = vars(base)
        return made.params(), table["late"], list(table), "q" in base.__dict__, len(table)

    one_piece(function, Base(first=1.0), x3())


def test_instance_dictionary_escapes_as_itself():
    def function(base, x):
        base.y = x + 1
        return base.__dict__

    base = Base(z=1)
    found = Runner().call(function, base, x3())
    assert found is vars(base) and list(found) == ["z", "y"]


def test_identities_tell_objects_apart():
    def function(x, given):
        seen = set()
        table = {}
        order = []
        a, b = Base(v=x), Base(v=x + 1)
        for node in (a, b, a, given, given):
            if id(node) not in seen:
                seen.add(id(node))
                order.append(node.v)
            table[id(node)] = table.get(id(node), 0) + 1
        return order, len(seen), list(table.values()), id(a) == id(a), id(a) == id(b)

    one_piece(function, x3(), Base(v=1.0))


def test_escaped_identity_is_that_of_the_object():
    def function(x):
        made = Base(v=x + 1)
        return made, id(made)

    made, identity = Runner().call(function, x3())
    assert id(made) == identity


def test_recursive_functions_over_breaks():
    def function(x):
        done = []

        def visit(n):
            if n:
                stop()
                visit(n - 1)
            done.append(x * n)

        visit(2)
        return done

    assert len(check(function, x3()).breaks) == 2


@functools.lru_cache
def coefficient(n):
    return 1.0 / (n + 1)


@functools.lru_cache
def grid(n):
    return np.linspace(0, 1, n)


def test_cached_functions():
    def function(x):
        return x * coefficient(2) + grid(3)

    one_piece(function, x3())
    assert Runner().call(lambda x: (x + 1, grid(3)), x3())[1] is grid(3)


def test_attributes_of_functions():
    def counted(x):
        counted.calls = getattr(counted, "calls", 0) + 1
        return x * counted.calls

    def function(x):
        return counted(x) + counted(x)

    runner = Runner()
    np.testing.assert_array_equal(runner.call(function, x3()), x3() * 3)
    assert counted.calls == 2 and runner.codes == []


def test_wrapped_functions():
    def twice(f):
        @functools.wraps(f)
        def inner(*args, **kwargs):
            return f(*args, **kwargs) * 2

        return inner

    @twice
    def scaled(x, k=3):
        return x * k

    def function(x):
        return scaled(x), scaled(x, k=4), scaled.__name__

    one_piece(function, x3())


def test_simple_namespaces():
    def function(options, x):
        options.steps += 1
        return types.SimpleNamespace(x=x * options.lr, name="n")

    one_piece(function, types.SimpleNamespace(lr=0.1, steps=1), x3())


def test_index_expressions_of_numpy():
    def function(x):
        return x[np.s_[1:]], np.finfo(x.dtype).eps * x, np.iinfo(np.int8).max + x

    one_piece(function, x3())


def test_dict_keys_are_sets_to_operators():
    def function(x, given):
        return x + len(given.keys() & {"a", "z"}), {"a": 1}.keys() | {"a": 2}.keys()

    one_piece(function, x3(), {"a": 1, "b": 2})


def test_libraries_are_left_to_python(caplog):
    import logging

    def function(x):
        y = x + 1
        logging.getLogger("t").warning("message")
        return y * 2

    runner = check(function, x3())
    assert set(runner.codes) <= {"JF-B004", "JF-B013"} and len(runner.codes) <= 3
