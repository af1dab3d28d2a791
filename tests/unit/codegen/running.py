"""Runs a graph through code generation: specs from real arrays, the body called by ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitflow.codegen.cpu.body import entry_symbols
from jitflow.codegen.cpu.compile import compile_segment
from jitflow.codegen.cpu.engine import engine
from jitflow.codegen.interface import Body, InputSpec, OutputSpec, Segment
from jitflow.core import dims
from jitflow.core.errors import CheckFailed
from jitflow.ir.graph import DimensionOf, Graph, ScalarValue


def input_spec(value: Any, type: Any, strided: bool = False) -> InputSpec:
    """How `value` arrives: by its flags, or always with strides."""
    if not isinstance(value, np.ndarray):
        return InputSpec(type.dtype, (), "scalar")
    layout = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "strided"
    if strided:
        layout = "strided"
    unit = None
    if layout == "strided":
        steps = enumerate(value.strides)
        axes = [k for k, s in steps if s == value.itemsize and value.shape[k] > 1]
        unit = axes[-1] if axes else None
    return InputSpec(type.dtype, type.shape, layout, unit, bool(value.flags.aligned))


def segment_of(
    graph: Graph,
    inputs: Sequence[Any],
    orders: dict[int, tuple[int, ...]] | None = None,
    strided: bool = False,
    fastmath: bool = False,
) -> Segment:
    specs = [input_spec(v, x.type, strided) for v, x in zip(inputs, graph.inputs, strict=True)]
    outputs = []
    for number, value in enumerate(graph.outputs):
        order = (orders or {}).get(number, tuple(range(value.type.rank)))
        outputs.append(OutputSpec(value.type.dtype, value.type.shape, order))
    return Segment(graph, tuple(specs), tuple(outputs), fastmath)


def symbol_values(graph: Graph, inputs: Sequence[Any]) -> dict[str, int]:
    found = {}
    by_value = dict(zip(graph.inputs, inputs, strict=True))
    for name, definition in graph.symbols.items():
        if definition.value not in by_value:
            continue
        if isinstance(definition, DimensionOf):
            found[name] = by_value[definition.value].shape[definition.axis]
        else:
            assert isinstance(definition, ScalarValue)
            found[name] = int(by_value[definition.value])
    return found


def _scalar_arguments(value: Any, spec: InputSpec) -> list[Any]:
    number = np.asarray(value, spec.dtype.numpy)[()]
    if spec.dtype.is_complex:
        kind = ctypes.c_float if spec.dtype.itemsize == 8 else ctypes.c_double
        return [kind(float(number.real)), kind(float(number.imag))]
    kinds = {
        "bool": ctypes.c_uint8, "f32": ctypes.c_float, "f64": ctypes.c_double,
        "i8": ctypes.c_int8, "i16": ctypes.c_int16, "i32": ctypes.c_int32, "i64": ctypes.c_int64,
        "u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32,
        "u64": ctypes.c_uint64,
    }  # fmt: skip
    return [kinds[spec.dtype.name](number.item())]


class Compiled:
    """A segment's native body as a function of arrays."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.body: Body = compile_segment(segment)
        objects = [engine().compile(self.body.text, self.body.optimise, self.body.effort)]
        if self.body.kernels:
            objects.append(engine().compile(self.body.kernels))
        self.library = engine().load(objects, self.body.externals)
        self.function = ctypes.CFUNCTYPE(ctypes.c_int32)(self.library.address(self.body.name))

    def arguments(self, inputs: Sequence[Any]) -> tuple[list[Any], list[np.ndarray], list[Any]]:
        graph = self.segment.graph
        symbols = symbol_values(graph, inputs)
        arguments: list[Any] = []
        for value, spec in zip(inputs, self.segment.inputs, strict=True):
            if spec.layout == "scalar":
                arguments += _scalar_arguments(value, spec)
                continue
            arguments.append(ctypes.c_void_p(value.ctypes.data))
            if spec.layout == "strided":
                arguments += [ctypes.c_int64(stride) for stride in value.strides]
        arguments += [ctypes.c_int64(symbols[name]) for name in entry_symbols(graph)]
        outputs = []
        for spec in self.segment.outputs:
            shape = [dims.evaluate(extent, symbols) for extent in spec.shape]
            memory = np.empty([shape[axis] for axis in spec.order], spec.dtype.numpy)
            memory[...] = 85
            outputs.append(memory.transpose(np.argsort(spec.order)))
            arguments.append(ctypes.c_void_p(memory.ctypes.data))
        size = dims.evaluate(self.body.arena, symbols)
        arena = np.empty(size + 64, np.uint8)
        arena[...] = 0x55
        start = -arena.ctypes.data % 64
        arguments.append(ctypes.c_void_p(arena.ctypes.data + start))
        return arguments, outputs, [arena]

    def __call__(self, *inputs: Any) -> list[np.ndarray]:
        arguments, outputs, keep = self.arguments(inputs)
        failed = self.function(*arguments)
        del keep
        if failed:
            raise CheckFailed("a check failed")
        return outputs


def run(graph: Graph, *inputs: Any, **options: Any) -> list[np.ndarray]:
    return Compiled(segment_of(graph, inputs, **options))(*inputs)
