"""`Compiled`: what `jitflow.compile` returns, a callable with the face of the function it wraps.

A call goes to machine code where an entry is installed, else to `slow_call`. Making one needs no
compiler: the entry is installed later.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.runtime import forwarding, native_type
from jitflow.runtime.tracebacks import hide_frames, unseen

if TYPE_CHECKING:

    class _Base:
        """The native base class, or `object`."""

        __qualname__: str

    _HAS_POINTER = True
else:
    _Base = native_type.vectorcall_base() or object
    _HAS_POINTER = _Base is not object


def _of_function(name: str) -> property:
    """An attribute that is the wrapped function's own."""

    def read(self: Compiled) -> Any:
        return getattr(self._function, name)

    def write(self: Compiled, value: Any) -> None:
        setattr(self._function, name, value)

    return property(read, write, doc=f"``{name}`` of the function.")


_ALWAYS = 1 << 62  # calls


class Compiled(_Base):
    """A compiled function.

    It has the name, signature, documentation and attributes of `function`, binds as a method,
    pickles by reference and copies as itself.

    Parameters
    ----------
    function : function
        The eager function.
    slow_call : callable
        Takes every call as long as there is no native entry; entries fall back to it too.
    """

    __slots__ = (
        *("__dict__", "__weakref__", "_forwarded", "_function", "_keep"),
        *("native_address", "slow_call"),
    )

    __code__ = _of_function("__code__")
    __defaults__ = _of_function("__defaults__")
    __kwdefaults__ = _of_function("__kwdefaults__")
    __globals__ = _of_function("__globals__")
    __closure__ = _of_function("__closure__")

    def __init__(self, function: Callable[..., Any], slow_call: Callable[..., Any]) -> None:
        self._function = function
        self._keep: list[Any] = []
        self.slow_call = slow_call
        self.native_address = 0
        self._forwarded: tuple[Any, Any] | None = None
        functools.update_wrapper(self, function)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        _enable(cls)

    @unseen
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        try:
            return self.slow_call(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind as a method, as a function does."""
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled function {self.__qualname__} at {id(self):#x}>"

    def __reduce__(self) -> str:
        return str(self.__qualname__)

    def __copy__(self) -> Compiled:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return self

    # The native entry

    def set_native(self, address: int, keep: Any) -> None:
        """Send calls to the entry at `address`.

        Parameters
        ----------
        address : int
            Of machine code with the signature of `vectorcallfunc`.
        keep : object
            Whatever the code needs; it lives as long as this object does, for another thread may
            still run in an entry that was replaced.
        """
        self._keep.append(keep)
        self.native_address = address
        if _HAS_POINTER:
            native_type.set_pointer(self, address)

    def forward(
        self, target: Callable[..., Any], looker: Callable[..., Any] | None = None, count: int = 0
    ) -> bool:
        """Send calls straight to `target`, without ``__call__`` in between.

        With `looker`, that is for `count` calls; it gets those behind them. False where no calls
        can be sent so.
        """
        address = forwarding.address()
        if not (_HAS_POINTER and address):
            return False
        if self._forwarded != (target, looker):
            self._forwarded = (target, looker)
            self._keep.append(self._forwarded)
        target, looker = self._forwarded
        count = _ALWAYS if looker is None else count
        native_type.set_forwarding(self, target, looker or target, count)
        self.native_address = address
        native_type.set_pointer(self, address)
        return True

    def clear_native(self) -> None:
        """Send calls to `slow_call` again."""
        self.native_address = 0
        if _HAS_POINTER:
            native_type.set_pointer(self, 0)


def _enable(cls: type) -> None:
    if _HAS_POINTER:
        native_type.enable(cls)


_enable(Compiled)
