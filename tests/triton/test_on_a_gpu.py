"""On a GPU, where there is one: what the stand-ins for it cannot show. Needs CuPy and Triton."""

import numpy as np
import pytest

import jitflow
from benchmarks.gpu_cases import CASES
from jitflow.core.config import config
from jitflow.runtime.device import machine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(machine.probe().problem), reason=machine.probe().problem or "-"),
]
MODES = [None, "reduce-overhead", "max-autotune"]
SMALL = {(case.make, case.dtype): case for case in CASES}.values()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_cases_of_the_benchmark(case, mode):
    if case.dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    inputs = case.inputs(True, 1)
    wide = inputs if case.build else [x.astype(np.float64) for x in inputs]
    expected = case.make(np)(*wide)
    compiled = jitflow.compile(case.make(np), fullgraph=True, mode=mode)
    with config().override(strict=True, tune_seconds=2.0):
        for _ in range(3):
            result = jitflow.to_device(compiled(*jitflow.to_device(inputs, "cuda")), "cpu")
    tolerance = 1e-5 if case.dtype == "float32" else 2e-2
    np.testing.assert_allclose(
        result.astype(expected.dtype), expected, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x, i: x[i] * 2,
        lambda x, i: x.astype(x.dtype)[i].sum(axis=0),
        lambda x, i: np.take(x, i, axis=0),
    ],
)
def test_indices_mean_what_they_mean_to_cupy(function):
    x = jitflow.to_device(np.arange(21.0).reshape(7, 3), "cuda")
    index = jitflow.to_device(np.array([0, 6, -1, 7, -8, 100]), "cuda")
    compiled = jitflow.compile(function, fullgraph=True)
    np.testing.assert_array_equal(compiled(x, index).get(), function(x, index).get())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * y + x,
        lambda x, y: x * 2 - y,
        lambda x, y: x * 0.5,
        lambda x, y: np.where(x < y, x, y),
        lambda x, y: x @ y.T,
        lambda x, y: x.sum(axis=1),
    ],
)
def test_numbers_of_bf16_have_the_dtypes_that_cupy_gives(function):
    bf16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    rng = np.random.default_rng(0)
    x, y = (jitflow.to_device(rng.normal(size=(40, 60)).astype(bf16), "cuda") for _ in range(2))
    got, expected = jitflow.compile(function, fullgraph=True)(x, y), function(x, y)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(
        got.get().astype(np.float32), expected.get().astype(np.float32), rtol=2e-2, atol=2e-1
    )


def test_tensors_of_torch_are_arguments():
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 1000, device="cuda")
    compiled = jitflow.compile(lambda x: np.exp(x) * 2, backend="triton", fullgraph=True)
    result = compiled(x)
    np.testing.assert_allclose(result.get(), np.exp(x.cpu().numpy()) * 2, rtol=1e-6)
    shared = torch.zeros(8, device="cuda")

    @jitflow.compile(backend="triton")
    def fill(x):
        x += 1

    fill(shared)
    assert shared.cpu().tolist() == [1.0] * 8
