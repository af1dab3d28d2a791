"""Runs compiled functions on the stand-in device with kernels in Triton's interpreter."""

from __future__ import annotations

import numpy as np

from helpers import triton_interpreter
from helpers.host_device import DeviceArray


def launcher(kernel, wide):
    function = triton_interpreter.load(kernel.source, kernel.name)
    passed = [p for p in kernel.parameters if p.kind != "constexpr"]

    def launch(grid, arguments):
        given = []
        for parameter, value in zip(passed, arguments, strict=True):
            word = parameter.type(wide)
            if parameter.kind == "pointer":
                given.append(triton_interpreter.Pointer(value, NAMES.get(word[1:], word[1:]), None))
            elif parameter.kind == "scalar":
                given.append(triton_interpreter.scalar(value, parameter.dtype.numpy))
            else:
                given.append(value)
        with np.errstate(all="ignore"):
            function[grid](*given, **kernel.constexprs(wide))

    return launch


NAMES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64", "u8": "uint8",
         "u16": "uint16", "u32": "uint32", "u64": "uint64", "i8": "int8", "i16": "int16",
         "i32": "int32", "i64": "int64"}  # fmt: skip


def same(got, expected, tolerance=None):
    assert type(got) is type(expected), (type(got), type(expected))
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected):
            same(one, other, tolerance)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        same(list(got.values()), list(expected.values()), tolerance)
    elif isinstance(expected, DeviceArray):
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert got.strides == expected.strides or expected.size < 2
        least = tolerance or (2e-6 if expected.dtype.itemsize <= 4 else 1e-12)
        np.testing.assert_allclose(got.host, expected.host, rtol=least, atol=least)
    elif isinstance(expected, (float, np.ndarray, np.generic)):
        np.testing.assert_allclose(got, expected, rtol=tolerance or 1e-6)
    elif type(expected).__eq__ is not object.__eq__:
        assert got == expected, (got, expected)
