"""One function of the math library as compiled code, and the processor's flags after it."""

import ctypes

import numpy as np

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder

from unit.codegen.running import Compiled, segment_of  # isort: skip

_C = ctypes.CDLL(None)
FE_INVALID, FE_DIVIDE, FE_OVERFLOW = 1, 4, 8  # x86
EVERY = 0x3D
FLAGS = {"invalid": FE_INVALID, "divide": FE_DIVIDE, "overflow": FE_OVERFLOW}


class Kernel:
    """``kernel(*arrays)`` on arrays of one dtype and rank 1; `flags` are those of the last call."""

    def __init__(self, name, dtype, count):
        builder = Builder(name)
        inputs = [builder.input("x", ArrayType(dtype, ()))]
        length = builder.dimension_symbol(inputs[0], 0)
        inputs[0].type = ArrayType(dtype, (length,))
        inputs += [builder.input("y", ArrayType(dtype, (length,))) for _ in range(count - 1)]
        graph = builder.finish([builder.emit(name, *inputs)])
        example = [np.ones(4, dtype.numpy)] * count
        self.compiled = Compiled(segment_of(graph, example))
        self.flags = set()

    def __call__(self, *arrays):
        arguments, outputs, keep = self.compiled.arguments(arrays)
        _C.feclearexcept(EVERY)
        self.compiled.function(*arguments)
        raised = _C.fetestexcept(EVERY)
        del keep
        self.flags = {name for name, bit in FLAGS.items() if raised & bit}
        return outputs[0]
