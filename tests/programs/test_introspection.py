"""Programs that look at functions, classes and frames see what they see in eager Python."""

import functools
import sys
import typing

import numpy as np
import pytest


@functools.lru_cache
def described(function):
    return type(function).__name__, repr(function)[:9]


def hands_a_new_function_to_a_cache(x):
    def inner():
        pass

    return described(inner), described((1, inner)), x + 1


def asks_for_annotations(x):
    def inner(a: int, *, b: "str" = 1) -> float:
        return a

    found = getattr(inner, "__annotations__", None)
    return found, typing.get_type_hints(inner), hasattr(inner, "__defaults__"), x + 1


class Odd:
    """Counts who compares it or asks for its hash."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        return 3

    def __eq__(self, other):
        self.asked += 1
        return self is other

    def __hash__(self):
        self.asked += 1
        return 1


class Holder:
    called = Odd()


Holder.__int__ = Odd()


def calls_an_odd_attribute(x):
    holder = Holder()
    return holder.called() + int(holder), holder.called.asked, Holder.__int__.asked, x + 1


class BadClassMethod:
    bad = classmethod(None)


def takes_a_bad_class_method(x):
    return callable(BadClassMethod.bad), x + 1


def module_of(depth=1):
    return sys._getframe(depth + 1).f_code.co_name


def asks_who_calls():
    return module_of()


def looks_two_frames_up(x):
    return asks_who_calls(), x + 1


PROGRAMS = [
    hands_a_new_function_to_a_cache, asks_for_annotations, calls_an_odd_attribute,
    takes_a_bad_class_method, looks_two_frames_up,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_program(program, check):
    check(program, (np.ones(3),), (np.ones(3),))
