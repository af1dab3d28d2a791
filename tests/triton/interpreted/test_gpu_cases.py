"""The functions of `benchmarks/gpu.py`: one piece each, and right, at a small size."""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher
from helpers.host_device import HostDevice, to_device

import jitflow
from benchmarks.gpu_cases import CASES
from jitflow.core.config import config
from jitflow.runtime.device.transfer import mapped

SMALL = {(case.make, case.dtype): case for case in CASES}.values()
"""Cases that differ in size alone are the same here."""


def on_device(tree):
    return mapped(tree, lambda leaf: to_device(leaf) if isinstance(leaf, np.ndarray) else leaf)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_case(case):
    if case.dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    inputs = case.inputs(True, 1)
    wide = inputs if case.build else [x.astype(np.float64) for x in inputs]
    expected = case.make(np)(*wide)
    with config().override(strict=True), host_device.installed(HostDevice(launcher)) as device:
        compiled = jitflow.compile(case.make(np), fullgraph=True)
        for _ in range(2):
            result = compiled(*on_device(inputs))
    assert result.dtype == case.make(np)(*inputs).dtype
    tolerance = 1e-5 if case.dtype == "float32" else 2e-2
    found = result.host.astype(expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert device.launches + device.products
