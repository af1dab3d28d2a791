"""Native calls that end as Python: a check fails, or warnings are due, again and again.

A native entry is tried before anything of Python runs, so nobody sees what it costs. A function
whose calls of one class of sizes often run twice, natively and then as Python, is watched: its
calls come through the dispatcher, which measures both ways (`trial`) and calls the entry itself.
Which calls are lost depends on what is in the arrays, and that changes: watching ends where most
calls are better off compiled, and where they are not both ways are measured again now and then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import get_ident
from typing import Any

from jitflow.runtime.tracebacks import unseen
from jitflow.runtime.trial import size_class

_OFTEN = 8
"""Calls of one class of sizes that ran twice, before the function is watched."""
_PERIOD = 512
"""Calls after which a verdict is looked at again."""


class Watch:
    """The lost calls of one function.

    Attributes
    ----------
    is_on : bool
        Whether calls come through the dispatcher.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._lost: Counter[tuple[Any, ...]] = Counter()
        self._often = _OFTEN
        self._calls = {True: 0, False: 0}
        self._trying: set[int] = set()

    def note_lost(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """A native call ended as Python; whether the function is to be watched from now on."""
        if self.is_on:
            return False
        key = size_class((*args, *kwargs.values()))
        self._lost[key] += 1
        self.is_on = self._lost[key] >= self._often
        return self.is_on

    def is_due(self, is_eager: bool, calls: int = 1) -> bool:
        """Calls begin whose class runs so; whether the verdict is to be looked at again."""
        self._calls[is_eager] += calls
        return sum(self._calls.values()) >= _PERIOD

    def look_again(self) -> bool:
        """Begin another period; whether watching goes on, for most calls of the last were eager."""
        mostly_eager = self._calls[True] > self._calls[False]
        self._calls = {True: 0, False: 0}
        if not mostly_eager:
            self.is_on = False
            self._lost.clear()
            self._often *= 8
        return mostly_eager

    @unseen
    def run(self, entry: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a native entry; `MISS` where its guards and those of older ones fail.

        The oldest entry then calls the dispatcher, which asks `is_trying`.
        """
        thread = get_ident()
        self._trying.add(thread)
        try:
            return entry(*args, **kwargs)
        finally:
            self._trying.discard(thread)

    def is_trying(self) -> bool:
        """Whether the oldest entry that `run` tried has missed; asked once."""
        thread = get_ident()
        is_trying = thread in self._trying
        self._trying.discard(thread)
        return is_trying
