"""`benchmarks/gpu.py` where there is no GPU, and its table."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.gpu_cases import CASES
from jitflow.runtime.device import machine
from jitflow.runtime.device.transfer import mapped

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


def test_goals_are_compared_with_what_was_measured():
    base = {"host_us": 4.0, "error": 0.0, "operations": 0.0, "bytes": 4e9}
    rows = [
        {**base, "case": "softmax", "system": "jitflow", "ms": 2.0},
        {**base, "case": "softmax", "system": "tuned", "ms": 1.0},
        {**base, "case": "gpt_decode", "system": "graphs", "ms": 1.0},
        {**base, "case": "gpt_decode", "system": "compile", "ms": 1.5},
        {**base, "case": "gpt_forward", "system": "jitflow", "ms": 1.0},
        {**base, "case": "overhead_piece", "system": "jitflow", "ms": 1.0, "host_us": 3.0},
        {**base, "case": "overhead_piece", "system": "graphs", "ms": 1.0, "host_us": 12.0},
        {"case": "waves", "system": "jitflow", "failed": "RuntimeError: no"},
    ]
    assert gpu.verdicts(rows, 4.4e12) == [
        "softmax: 91 % of the copy rate, at least 0.85: reached",
        "gpt_forward: compile was not measured",
        "gpt_decode: 1.50 times the speed of compile, at least 1: reached",
        "overhead_piece: 12.0 us on the host, at most 10: NOT reached",
    ]


def test_every_figure_that_is_promised_is_a_case():
    names = {case.name for case in CASES}
    widths = {f"attention_{width}_{1024 << k}" for width in (64, 128) for k in range(5)}
    products = {f"dense_{dtype}_{size}" for dtype in ("bf16", "f16") for size in (4096, 8192)}
    rows = {"softmax", "layer_norm", "rms_norm", "log_likelihood", "relu_chain", "waves", "gelu"}
    whole = {"gpt_forward", "gpt_decode", "overhead_launch", "overhead_piece"}
    assert names == widths | products | rows | whole
    assert all(case.goal.share or case.goal.us for case in CASES)


CHECKED = {(case.make, case.dtype): case for case in CASES if case.dtype != "bfloat16"}.values()


@pytest.mark.parametrize("case", CHECKED, ids=lambda case: case.name)
def test_results_are_checked_against_numpy(case):
    inputs = case.inputs(True, 0)
    result = np.asarray(case.make(np)(*inputs))
    good = gpu._error(case, inputs, result)
    assert good < (1e-5 if case.dtype == "float32" else 2e-2)
    assert gpu._error(case, inputs, 2 * result + 1) > 0.05
    assert json.dumps(case.bytes())


def test_torch_does_the_same():
    torch = pytest.importorskip("torch")
    for case in CHECKED:
        inputs = case.inputs(True, 0)
        tensors = mapped(inputs, lambda x: torch.from_numpy(x) if isinstance(x, np.ndarray) else x)
        result = case.torch(torch)(*tensors).numpy()
        if case.name == "log_likelihood":  # torch's takes the target as probabilities, too
            assert result.shape == ()
        assert gpu._error(case, inputs, result) < (1e-4 if case.dtype == "float32" else 2e-2)


class OnTheHost(gpu.System):
    """NumPy in place of a GPU's library: what is measured means nothing."""

    def function(self, case):
        return case.make(np)

    def array(self, host):
        return host

    def host(self, result):
        return np.asarray(result)

    def finish(self):
        pass


@pytest.mark.parametrize("name", ["softmax", "dense_f16_4096", "gpt_decode"])
def test_a_case_is_measured(name, monkeypatch):
    (case,) = (case for case in CASES if case.name == name)
    small = replace(case, shapes=case.small)
    if case.build is not None:
        small = replace(case, build=lambda is_small, seed: case.build(True, seed))
    monkeypatch.setattr(gpu, "_BATCH_MS", 0.1)
    row = gpu.measure(OnTheHost("numpy"), small)
    assert row["ms"] > 0
    assert row["host_us"] > 0
    assert row["error"] < 1e-2
    assert gpu.table([{**row, "case": name, "system": "numpy"}], 1e12).count(name) == 1
