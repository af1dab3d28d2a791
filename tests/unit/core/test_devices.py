"""Kinds of arrays: how classes and functions of an announced package are found."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from jitflow.core import devices


@pytest.fixture
def package(monkeypatch):
    class ndarray:
        pass

    def sum(x):
        return x

    exp = type("ufunc", (), {"__call__": lambda self, x: x})()
    for item in (ndarray, sum, type(exp)):
        item.__module__ = "pretend.core"
    made = SimpleNamespace(ndarray=ndarray, sum=sum, exp=exp, zeros=lambda n: n, sin=np.sin)
    monkeypatch.setitem(sys.modules, "pretend", made)
    loads = []

    def load():
        loads.append(1)
        return lambda array: devices.HOST

    devices.announce("pretend", load)
    made.loads = loads
    yield made
    devices._finders.pop("pretend")
    devices._namesakes.pop("pretend", None)
    devices.unregister(ndarray)


def test_a_package_is_asked_once_and_for_its_array_class_alone(package):
    other = type("other", (), {"__module__": "pretend.core"})
    assert devices.kind_of(other()) is None
    assert not package.loads
    for _ in range(2):
        assert devices.kind_of(package.ndarray()) is devices.HOST
    assert package.loads == [1]


def test_functions_stand_for_numpys_of_their_name(package):
    assert devices.namesake(package.sum) is np.sum
    assert devices.namesake(package.exp) is np.exp
    assert devices.namesake(package.sin) is None  # NumPy's own
    assert devices.namesake(np.exp) is None
    assert devices.namesake(lambda x: x) is None
    assert (devices.package_of(package.sum), devices.package_of(np.sum)) == ("pretend", "")


def test_classes_with_odd_modules_are_no_arrays(package):
    odd = type("odd", (), {"__module__": 7})
    assert devices.kind_of(odd()) is None
    assert devices.package_of(odd()) == ""
