"""Kernels that have nothing but numbers in common stay apart, and what is alike is written once."""

import numpy as np

from jitflow.codegen.commands import CallKernel
from jitflow.codegen.program import lower
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph
from tests.unit.codegen.running import run, segment_of

ARRAYS = [np.linspace(0.1, 1.0, 32) + k for k in range(6)]


def norms(count: int) -> Graph:
    """``sum((a ** p).sum() for a in arrays)``."""
    builder = Builder("f")
    power = builder.input("p", ArrayType(F64, ()))
    total = None
    for k in range(count):
        array = builder.input(f"a{k}", ArrayType(F64, (32,)))
        part = builder.emit("sum", builder.emit("power", array, power), axes=(0,), keepdims=False)
        total = part if total is None else builder.emit("add", total, part)
    assert total is not None
    return builder.finish([total])


def kernels(count: int) -> list[CallKernel]:
    segment = segment_of(norms(count), [2.0, *ARRAYS[:count]])
    commands = lower(segment).program.commands
    return [command for command in commands if isinstance(command, CallKernel)]


def test_norms_of_many_arrays_are_calls_of_one_kernel() -> None:
    assert len({call.kernel for call in kernels(6)}) <= 2 + len({c.kernel for c in kernels(2)})
    assert len(kernels(6)) > 4


def test_their_sum_is_right() -> None:
    (total,) = run(norms(6), 2.0, *ARRAYS)
    np.testing.assert_allclose(total, sum((a**2).sum() for a in ARRAYS), rtol=1e-14)
