"""Texts of values: no code of the program runs for them."""

import enum

import numpy as np
import pytest

from jitflow.core.shown import MOST_CHARACTERS, briefly, shown


class Failing(type):
    def __repr__(cls):
        raise ValueError

    def __getattribute__(cls, name):
        raise ValueError


class Value(metaclass=Failing):
    def __repr__(self):
        raise ValueError


class Colour(enum.Enum):
    RED = 1

    def __repr__(self):
        raise ValueError


class Number(int):
    def __repr__(self):
        raise ValueError


@pytest.mark.parametrize(
    "value", [1, -(2**64), "a\n", b"x", None, 0.1, 2j, (1, "b"), [2], {"k": 3.0}, np.float64(2)]
)
def test_plain_values_are_shown_as_by_repr(value):
    assert shown(value) == repr(value)


@pytest.mark.parametrize("value", [10**5000, (10**5000,), {10**5000: 1}], ids=type)
def test_long_integers_are_shown_by_their_size(value):
    assert "an integer of 16610 bits" in shown(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(), "Value object at"),
        (Value, "class"),
        ([Value()], "Value object at"),
        (Colour.RED, "Colour.RED"),
        (Number(3), "Number object at"),
        (np.dtype("f4"), "dtype('float32')"),
    ],
    ids=["object", "class", "list", "enum", "integer", "dtype"],
)
def test_the_programs_own_texts_are_not_asked_for(value, text):
    assert text in shown(value)


def test_short_texts_are_cut():
    assert len(briefly("x" * 100)) == MOST_CHARACTERS
