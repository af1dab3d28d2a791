"""Classes of arrays that pieces take, by where their memory is: the host, or a device.

`HOST` is NumPy's own. Others are announced by the package that their class comes from, and made
known when an array of it is first met: nothing of a device is imported before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, field

_PLAIN_FLAGS = 0x100 | 0x400
"""Bits of ``ndarray.flags.num``: aligned, writeable."""


@dataclass(frozen=True, eq=False)
class ArrayKind:
    """The arrays of one class in one memory.

    Attributes
    ----------
    name : str
        ``"cpu"``, ``"cuda:0"``.
    type : type
        The exact class.
    conditions : tuple of str
        Python expressions on ``{0}``, an array of `type`, that hold for arrays of this memory.
    contiguous : dict
        Layout (``"C"``, ``"F"``) to an expression on ``{0}`` that holds for arrays of it.
    has_flags : bool
        Whether arrays can be read-only or misaligned.
    has_scalars : bool
        Whether a result of rank 0 is a NumPy scalar, as on the host; else it is an array.
    wraps_indices : bool
        Whether elements of an array of indices that are out of bounds go around, and do not fail.
    implements : callable
        Whether a NumPy function takes these arrays.
    device : object
        What the runtime needs to compute there; None for the host.
    refusal : str
        Why nothing can be compiled for it: functions run eagerly then.
    """

    name: str
    type: type
    conditions: tuple[str, ...] = ()
    contiguous: dict[str, str] = field(default_factory=dict)
    has_flags: bool = False
    has_scalars: bool = False
    wraps_indices: bool = False
    implements: Callable[[Any], bool] = lambda function: True
    device: Any = None
    refusal: str = ""

    @property
    def is_host(self) -> bool:
        """Whether this is the host's memory."""
        return self.device is None

    def flags(self, array: Any) -> int:
        """Flags of an array, as bits of ``ndarray.flags.num``."""
        return int(array.flags.num) if self.has_flags else _PLAIN_FLAGS

    def __str__(self) -> str:
        return self.name


HOST = ArrayKind(
    "cpu",
    np.ndarray,
    contiguous={"C": "{0}.flags.c_contiguous", "F": "{0}.flags.f_contiguous"},
    has_flags=True,
    has_scalars=True,
)

Finder = Callable[[Any], ArrayKind | None]
_finders: dict[str, Callable[[], Finder]] = {}
_known: dict[type, Finder] = {np.ndarray: lambda array: HOST}


def announce(package: str, load: Callable[[], Finder]) -> None:
    """Say how arrays whose class comes from `package` are told apart; `load` is called once."""
    _finders[package] = load


def register(array_type: type, finder: Finder) -> None:
    """Know the arrays of one class; `finder` gives None for one that is to run eagerly."""
    _known[array_type] = finder


def unregister(array_type: type) -> None:
    """Forget a class."""
    _known.pop(array_type, None)


def kind_of(value: Any) -> ArrayKind | None:
    """Which arrays `value` is one of; None where it is none that pieces take."""
    array_type = type(value)
    finder = _known.get(array_type)
    if finder is None:
        if not is_array_type(array_type):
            return None
        finder = _known[array_type] = _finders[_root(array_type.__module__)]()
    return finder(value)


def is_array_type(array_type: type) -> bool:
    """Whether arrays of a class may be ones that pieces take: known, or a package's announced."""
    package = _root(array_type.__module__)
    return array_type in _known or (
        package in _finders and array_type is getattr(sys.modules.get(package), "ndarray", None)
    )


def package_of(value: Any) -> str:
    """The announced package that a function, or the class of another object, is from; or ``""``."""
    package = _root(value.__module__ if type(value) is FunctionType else type(value).__module__)
    return package if package in _finders else ""


def namesake(function: Any) -> Any:
    """NumPy's function that an announced package's `function` stands for; None if there is none.

    Those alone that NumPy hands over to the package for its arrays: the two mean the same.
    """
    package = package_of(function)
    if not package:
        return None
    known = _namesakes.get(package)
    if known is None:
        known = _namesakes[package] = _find_namesakes(sys.modules.get(package))
    return known.get(id(function))


_namesakes: dict[str, dict[int, Any]] = {}
_DISPATCHED = (np.ufunc, type(np.sum))


def _find_namesakes(package: Any) -> dict[int, Any]:
    """NumPy's functions by the identity of the package's own of the same name."""
    found = {}
    for name, function in vars(np).items():
        own = getattr(package, name, None)
        if isinstance(function, _DISPATCHED) and callable(own) and own is not function:
            found[id(own)] = function
    return found


def _root(module: Any) -> str:
    return module.partition(".")[0] if isinstance(module, str) else ""
