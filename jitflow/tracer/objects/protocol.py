"""What the object model needs of the interpreter, and what it asks the interpreter to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import CodeType
from typing import Any, Protocol

from jitflow.core.dataclass import dataclass, field
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects.model import FunctionValue, IteratorValue
from jitflow.tracer.values import PyValue


class Tracer(Protocol):
    """The interpreter, as the object model sees it."""

    @property
    def context(self) -> TraceContext:
        """The state of the trace."""

    def held(self) -> Sequence[object]:
        """What the frames keep alive: variables, operands, closures."""

    def is_inside(self, codes: Collection[CodeType]) -> bool:
        """Whether the innermost frame runs one of `codes`."""

    def run_nested(
        self, function: FunctionValue, args: list[PyValue], kwargs: dict[str, PyValue]
    ) -> PyValue:
        """Run a Python function to its end within the operation at hand; give its result."""

    def use_up(self, generator: IteratorValue, sink: Any) -> PyValue:
        """Run a fresh generator to its end, giving what it yields to a `consuming.Sink`."""


@dataclass(frozen=True, eq=False)
class CallRequest:
    """A call that enters a Python function: what the interpreter pushes a frame for.

    `arguments` contain the bound receiver. Where `instance` is set, the function is an ``__init__``
    whose result is discarded: the value of the call is `instance`.
    """

    function: FunctionValue
    arguments: list[PyValue]
    keywords: dict[str, PyValue] = field(default_factory=dict)
    instance: PyValue | None = None
