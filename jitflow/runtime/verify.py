"""``verify=True``: each call runs eager on copies beside compiled, and the two are compared."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import devices
from jitflow.core.errors import VerifyError
from jitflow.runtime.tracebacks import unseen

if TYPE_CHECKING:
    from jitflow.runtime.dispatch import Dispatcher


def verified(dispatcher: Dispatcher) -> Callable[..., Any]:
    """A call that compares: results, and arguments after the call.

    Raises
    ------
    VerifyError
        Where the two differ by more than rounding: the first difference, with its place.
    """

    @unseen
    def call(*args: Any, **kwargs: Any) -> Any:
        eager_args, eager_kwargs = copy.deepcopy((args, kwargs))
        expected = _outcome(dispatcher.function, eager_args, eager_kwargs)
        got = _outcome(dispatcher.call, args, kwargs)
        difference = first_difference(expected[:2], got[:2], "result")
        difference = difference or first_difference(
            (eager_args, eager_kwargs), (args, kwargs), "arguments"
        )
        if difference:
            raise VerifyError(f"{dispatcher.function.__qualname__}: {difference}")
        if got[2] is not None:
            raise got[2]
        return got[1]

    return call


@unseen
def _outcome(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> tuple[Any, Any, Exception | None]:
    try:
        return "returned", function(*args, **kwargs), None
    except Exception as error:
        return type(error), str(error), error


def first_difference(expected: Any, got: Any, place: str) -> str | None:
    """Where `got` differs from `expected`, in words; None where they agree up to rounding."""
    if type(expected) is not type(got):
        return f"{place}: expected {type(expected).__name__}, got {type(got).__name__}"
    if isinstance(expected, np.ndarray | np.generic) or devices.kind_of(expected) is not None:
        return _array_difference(_contents(expected), _contents(got), place)
    if isinstance(expected, tuple | list):
        if len(expected) != len(got):
            return f"{place}: expected length {len(expected)}, got {len(got)}"
        pairs: Any = (
            (f"{place}[{i}]", a, b) for i, (a, b) in enumerate(zip(expected, got, strict=True))
        )
    elif isinstance(expected, dict):
        if list(expected) != list(got):
            return f"{place}: expected keys {list(expected)}, got {list(got)}"
        pairs = ((f"{place}[{key!r}]", item, got[key]) for key, item in expected.items())
    elif isinstance(expected, float | complex):
        return _array_difference(np.asarray(expected), np.asarray(got), place)
    elif (
        hasattr(expected, "__dict__") and not callable(expected) and not isinstance(expected, type)
    ):
        return first_difference(vars(expected), vars(got), place)
    elif isinstance(expected, int | str | bytes | bool) and expected != got:
        return f"{place}: expected {expected!r}, got {got!r}"
    else:
        return None
    for name, a, b in pairs:
        difference = first_difference(a, b, name)
        if difference:
            return difference
    return None


def _contents(array: Any) -> Any:
    """An array or number on the host."""
    kind = devices.kind_of(array)
    return array if kind is None or kind.is_host else array.get()


def _array_difference(expected: Any, got: Any, place: str) -> str | None:
    for name in ("dtype", "shape"):
        if getattr(expected, name) != getattr(got, name):
            return f"{place}.{name}: expected {getattr(expected, name)}, got {getattr(got, name)}"
    if expected.dtype.kind not in "fc":
        same = np.array_equal(expected, got) if expected.dtype.kind in "biu" else True
        return None if same else f"{place}: values differ"
    scale = np.finfo(expected.dtype).eps * 64
    with np.errstate(all="ignore"):
        bound = scale * np.maximum(1, np.nanmax(np.abs(expected), initial=0))
        fits = np.isclose(expected, got, rtol=scale, atol=bound, equal_nan=True)
    if fits.all():
        return None
    where = tuple(int(i) for i in np.argwhere(~np.atleast_1d(fits))[0])
    return (
        f"{place}{list(where)}: expected {np.atleast_1d(expected)[where]}, "
        f"got {np.atleast_1d(got)[where]}"
    )
