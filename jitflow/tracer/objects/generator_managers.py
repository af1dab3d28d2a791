"""Context managers made by `contextlib.contextmanager`, whose generator the piece itself runs.

Their class leaves its generator by catching StopIteration; here the generator says that it is at
its end. A body that raises, or that ends the piece, leaves the manager to Python from the start.
"""

from __future__ import annotations

from jitflow.core.errors import Unsupported
from jitflow.tracer.objects import instances
from jitflow.tracer.objects.iterators import next_item
from jitflow.tracer.objects.model import InstanceValue
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue


def enter(tracer: Tracer, manager: PyValue) -> PyValue:
    """``manager.__enter__()``."""
    generator = _generator(tracer, manager)
    assert isinstance(manager, InstanceValue)
    for name in ("args", "kwds", "func"):
        instances.delete_attribute(tracer, manager, name)
    item = next_item(tracer, generator)
    if item is None:
        raise Unsupported("JF-B009", "RuntimeError: generator didn't yield")
    return item


def leave(tracer: Tracer, manager: PyValue, kind: PyValue) -> PyValue:
    """``manager.__exit__(kind, ...)``, where no exception is under way."""
    kind = resolve(tracer, kind)
    if not (isinstance(kind, ConstantValue) and kind.value is None):
        raise Unsupported("JF-B009", "an exception in a with")
    if next_item(tracer, _generator(tracer, manager)) is not None:
        raise Unsupported("JF-B009", "RuntimeError: generator didn't stop")
    return ConstantValue(False)


def _generator(tracer: Tracer, manager: PyValue) -> PyValue:
    manager = resolve(tracer, manager)
    if not isinstance(manager, InstanceValue) or manager.source is not None:
        raise Unsupported("JF-B012", "a context manager from outside")
    return instances.get_attribute(tracer, manager, "gen")
