"""`benchmarks/gpu.py` where there is no GPU, and its table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu_cases import CASES
from jitflow.runtime.device import machine

SCRIPT = Path(gpu.__file__)


@pytest.mark.skipif(machine.probe().has_library, reason="there is a driver")
def test_without_a_gpu_it_says_so():
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, env=os.environ, timeout=60
    )
    assert done.returncode == 2
    assert "no GPU: libcuda.so.1 is not found" in done.stderr


def test_the_table_relates_rates_to_the_copy():
    row = {"case": "softmax", "system": "jitflow", "ms": 1.0, "host_us": 4.0, "error": 1e-7}
    rows = [
        {**row, "bytes": 4e9, "operations": 0.0},
        {**row, "case": "dense_f16", "bytes": 1.0, "operations": 7e11},
        {"case": "gelu", "system": "jax", "failed": "RuntimeError: no"},
    ]
    text = gpu.table(rows, 4.4e12)
    assert "4.00 TB/s 91 %" in text
    assert "700 TFLOP/s" in text
    assert "RuntimeError: no" in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_are_checked_against_numpy(case):
    inputs = case.inputs(case.small, 0)
    result = case.make(gpu.np)(*inputs)
    good = gpu._error(case, inputs, gpu.np.asarray(result))
    assert good < (1e-5 if case.dtype == "float32" else 2e-2)
    assert gpu._error(case, inputs, 2 * gpu.np.asarray(result) + 1) > 0.05
    assert json.dumps(case.bytes())
