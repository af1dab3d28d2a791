"""Attributes in an instance's dictionary under the name of a descriptor of its class."""

import numpy as np
import pytest

import jitflow

SET = []


class Checked:
    """A descriptor that looks at what is set and keeps it under its own name."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self if instance is None else instance.__dict__[self.name]

    def __set__(self, instance, value):
        SET.append(self.name)
        instance.__dict__[self.name] = value


class Series:
    """As `numpy.poly1d`: a property without a setter of use, and one that writes behind it."""

    scale = Checked()

    def __init__(self, values, scale):
        self.raw = values
        self.scale = scale

    @property
    def values(self):
        return self.raw

    @values.setter
    def values(self, new):
        raise AttributeError("use raw")

    @property
    def raw(self):
        return self.__dict__["values"]

    @raw.setter
    def raw(self, new):
        self.__dict__["values"] = new


def made_and_returned(series, x):
    return Series(x * 2, 3)


def made_and_printed(series, x):
    made = Series(x * 2, 3.5)
    print("made")
    made.raw = made.values + 1
    return made


def changed(series, x):
    series.raw = series.values + x
    print("changed")
    series.scale = series.scale + 1
    return series.values * series.scale


def changed_in_a_loop(series, x):
    for k in range(20):
        series.raw = series.raw + x * k
        series.scale = series.scale + 1
    return series


def described(series, x):
    return sorted(vars(series)), vars(series)["values"] * x, series.scale


PROGRAMS = [made_and_returned, made_and_printed, changed, changed_in_a_loop, described]


def outcome(function, scale, capsys):
    series, x = Series(np.arange(3.0), scale), np.ones(3)
    SET.clear()
    result = function(series, x)
    parts = [vars(item) if isinstance(item, Series) else item for item in (result, series)]
    return repr(parts), list(SET), capsys.readouterr().out


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_they_are_set_where_the_program_sets_them(function, backend, capsys):
    compiled = jitflow.compile(function, backend=backend)
    for scale in (2, 2, 5, 0.5):
        expected = outcome(function, scale, capsys)
        assert outcome(compiled, scale, capsys) == expected


def test_reading_them_asks_no_property(backend):
    class Counted:
        asked = 0

        @property
        def value(self):
            Counted.asked += 1
            return self.__dict__["value"]

    counted = Counted()
    counted.__dict__["value"] = np.arange(3.0)
    compiled = jitflow.compile(lambda c: vars(c)["value"] + 1, backend=backend)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(counted), np.arange(3.0) + 1)
    assert Counted.asked == 0


def test_polynomials(backend):
    compiled = jitflow.compile(lambda a, b: np.polymul(a, b), backend=backend)
    for a, b in (([], [1.0]), ([1, 2], [0, 3.0]), ([0.0], [0.0])):
        np.testing.assert_array_equal(compiled(a, b), np.polymul(a, b))
