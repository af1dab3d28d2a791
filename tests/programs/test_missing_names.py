"""Names and attributes that are there at one call and missing at the next, whoever looks at them."""

import traceback

import numpy as np
import pytest

import jitflow


class Box:
    """What the programs look into."""


def deleted(a, box):
    a[0] += 1
    del box.count
    a[1] += 1


def deleted_in_a_loop(a, box):
    for k in range(3):
        a[0] += k
        del box.count
        a[1] += 1


def deleted_global(a, box):
    global LEVEL
    a[0] += 1
    del LEVEL
    a[1] += 1


def asked_for(a, box):
    return a + 1 if hasattr(box, "count") else a + 2


def asked_of_the_class(a, box):
    return a + 1 if hasattr(Box, "level") else a + 2


def tried(a, box):
    try:
        box.count  # noqa: B018
    except AttributeError:
        return a + 2
    return a + 1


def tried_global(a, box):
    try:
        LEVEL  # noqa: B018
    except NameError:
        return a + 2
    return a + 1


def named(a, box):
    box.count  # noqa: B018
    a += 1
    return a


def among_globals(a, box):
    return "LEVEL" in globals(), a + 1


PROGRAMS = [
    deleted, deleted_in_a_loop, deleted_global, asked_for, asked_of_the_class, tried,
    tried_global, named, among_globals,
]  # fmt: skip


def outcomes(function):
    found = []
    for is_there in (True, True, False, True, False):
        a, box = np.zeros(2), Box()
        globals().pop("LEVEL", None)
        if is_there:
            box.count, Box.level, globals()["LEVEL"] = 2.5, 1, 2.5
        elif hasattr(Box, "level"):
            del Box.level
        try:
            result = repr(function(a, box))
        except (AttributeError, NameError) as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            result = type(error), str(error), line
        found.append((result, a.tolist(), vars(box), "LEVEL" in globals()))
    return found


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_what_is_missing_is_seen(function, backend):
    assert outcomes(jitflow.compile(function, backend=backend)) == outcomes(function)
