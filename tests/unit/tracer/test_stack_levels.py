"""How many callers the warnings of a function may name."""

import logging
import warnings

from jitflow.tracer.stack_levels import callers_named


def level_of_its_own(x):
    warnings.warn(f"at {x}", UserWarning)
    print(x, 2)


def level_by_name(x):
    logging.warning("at %s", x, stacklevel=2)


def level_by_position(x):
    warnings.warn("at" + str(x), UserWarning, 4)


def level_in_front(x):
    warnings.warn("at", stacklevel=2, category=UserWarning)


def level_unknown(level):
    warnings.warn("at", stacklevel=level)


def test_callers_named():
    counts = [
        callers_named(function.__code__)
        for function in (level_of_its_own, level_by_name, level_by_position)
    ]
    assert counts == [0, 1, 3]
    assert all(callers_named(f.__code__) > 100 for f in (level_in_front, level_unknown))
