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


def kept(a, box):
    count = box.count  # noqa: F841
    return a + 1


def kept_global(a, box):
    level = LEVEL  # noqa: F841
    return a + 1


def kept_of_the_class(a, box):
    level = Box.level  # noqa: F841
    return a + 1


def got(a, box):
    count = getattr(box, "count")  # noqa: B009, F841
    return a + 1


def got_or_else(a, box):
    count = getattr(box, "count", None)
    return a + 1, count


def handed_on(a, box):
    def ignoring(a, count):
        return a * 2

    a += 1
    return ignoring(a, box.count)


def given_back(a, box):
    a += 1
    return box.count


def overwritten_in_a_loop(a, box):
    for k in range(3):
        a[0] += k
        count = box.count
    count = 0
    return a, count


def computed_for_nothing(a, box):
    count = box.count + 1  # noqa: F841
    return a + 1


def of_the_cell(a, box):
    def inner():
        count = there  # noqa: F841
        return a + 1

    there = 1
    if not hasattr(box, "count"):
        del there
    return inner()


PROGRAMS = [
    kept, kept_global, kept_of_the_class, got, got_or_else, handed_on, given_back,
    overwritten_in_a_loop, computed_for_nothing, of_the_cell,
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
