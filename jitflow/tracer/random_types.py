"""The classes of `numpy.random`, without loading it: NumPy does so when a program first uses it."""

from __future__ import annotations

import sys
from typing import Any

PYTHON_DRAWS = frozenset(
    [
        *("random", "getrandbits", "_randbelow", "gauss", "normalvariate", "lognormvariate"),
        "seed",
        *("vonmisesvariate", "gammavariate", "betavariate", "binomialvariate"),
    ]
)
"""Methods of the standard library's generators that are draws; the code of the others is traced."""


def generators() -> tuple[type, ...]:
    """Classes of generators; none as long as no object of them can be there."""
    return _found("Generator", "RandomState")


def is_generator(real: Any) -> bool:
    """Whether its methods are draws that NumPy makes."""
    return type(real) in generators()


def is_python_generator(real: Any) -> bool:
    """Whether this is a generator of the standard library's `random`."""
    return is_python_class(type(real))


def is_python_class(cls: type) -> bool:
    """Whether this is the class of those generators."""
    module = sys.modules.get("random")
    return module is not None and cls is module.Random


def legacy_generators() -> tuple[type, ...]:
    """The class of the global generator."""
    return _found("RandomState")


def functions() -> tuple[type, ...]:
    """The class of `numpy.random`'s functions, which draw from the global generator."""
    return tuple(map(type, _found("seed")))


def _found(*names: str) -> tuple[Any, ...]:
    module = sys.modules.get("numpy.random")
    return tuple(getattr(module, name) for name in names if hasattr(module, name))
