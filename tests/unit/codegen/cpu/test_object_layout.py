"""The layout of CPython's and NumPy's objects is as the native entries read it."""

import ctypes
import sys

import numpy as np
import pytest

from jitflow.codegen.cpu import object_layout as layout


def test_this_interpreter_is_supported():
    assert layout.is_supported()


@pytest.mark.parametrize(
    "name", ["ARRAY_DATA", "ARRAY_FLAGS", "DTYPE_NUMBER", "NUMBER", "TUPLE_ITEMS", "CELL_CONTENTS"]
)
def test_another_layout_is_noticed(monkeypatch, name):
    monkeypatch.setattr(layout, name, getattr(layout, name) - 8)
    assert not layout.is_supported.__wrapped__()


def stored(namespace, place):
    """The key and value at a place."""
    keys = ctypes.c_int64.from_address(id(namespace) + layout.DICT_KEYS).value
    words = (ctypes.c_int64 * 2).from_address(keys + place.offset)
    return tuple(words)


def namespaces():
    deleted = {sys.intern(f"d{k}"): k for k in range(20)}
    for k in range(0, 20, 3):
        del deleted[f"d{k}"]
    return {
        "empty": {},
        "small": {"a": 1},
        "large": {sys.intern(f"x{k}"): k for k in range(3000)},
        "deleted": deleted,
        "general": {1: 1, "b": 2, "c": 3},
        "numpy": vars(np),
        "globals": globals(),
    }


@pytest.mark.parametrize("kind", namespaces())
def test_items_are_found_where_they_are(kind):
    namespace = namespaces()[kind]
    strings = [key for key in namespace if isinstance(key, str)]
    for key in strings[:200] + strings[-5:]:
        place = layout.find_item(namespace, key)
        assert stored(namespace, place) == (id(key), id(namespace[key]))
    assert layout.find_item(namespace, "not there") is None


def test_the_dictionary_of_an_instance_has_no_places():
    class Thing:
        pass

    thing, other = Thing(), Thing()
    thing.w = other.w = 1
    assert layout.find_item(thing.__dict__, "w") is None or sys.version_info >= (3, 13)
