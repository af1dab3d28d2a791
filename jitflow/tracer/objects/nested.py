"""Calls of the user's functions from inside an operation."""

from __future__ import annotations

from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.values import PyValue


def call_nested(tracer: Tracer, function: PyValue, *args: PyValue) -> PyValue:
    """``function(*args)``, run to its end."""
    from jitflow.tracer.objects.calls import call  # `calls` knows the methods of every container

    return call(tracer, function, list(args), {})
