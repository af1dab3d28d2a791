"""What `object`, `super` and patterns make of classes: excess arguments, other classes, flags."""

import collections
import collections.abc

import numpy as np
import pytest


class Plain:
    pass


class Both:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Maker:
    def __new__(cls, *args):
        return super().__new__(cls, *args)


class Starter:
    def __init__(self, level):
        self.level = level


MAKING = {
    "new": lambda: Plain.__new__(Plain, 42),
    "new by keyword": lambda: object.__new__(Plain, level=42),
    "new of object": lambda: object.__new__(Plain, 42),
    "init of object": lambda: object.__init__(Plain(), 42),
    "handed on by both": lambda: Both(42),
    "handed on by new": lambda: Maker(42),
    "new of both": lambda: object.__new__(Both, 42),
    "nothing handed on": lambda: type(Both()).__name__,
    "for the init": lambda: type(object.__new__(Starter, 42)).__name__,
    "super of another class": lambda: super(Both, Plain()),
    "super of a number": lambda: super(Both, 42),
    "super by no class": lambda: super(1, 2),
    "super of a class": lambda: super(Both, Both).__new__.__name__,
}


@pytest.mark.parametrize("name", MAKING)
def test_arguments_that_object_and_super_take(check, name):
    make = MAKING[name]

    def f(x):
        y = x + 1
        try:
            made = make()
        except TypeError as error:
            return y, str(error)
        return y, str(made)

    check(f, (np.arange(3.0),))


def test_patterns_of_classes_that_are_both(check):
    class Mapping(collections.UserDict, collections.abc.Sequence):
        pass

    class Sequence(collections.UserList, collections.abc.Mapping):
        pass

    def f(x, subject):
        match subject:
            case [*_]:
                return x + 1
            case {}:
                return x + 2
        return x + 3

    x = np.arange(3.0)
    check(f, (x, Mapping()), (x, Sequence()), (x, "text"), (x, [1]), (x, {}), (x, range(3)))
