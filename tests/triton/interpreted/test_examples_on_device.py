"""The examples with arrays of a device: eager and compiled give the same."""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import DeviceArray, HostDevice, to_device

import jitflow
from examples import breaks, digits, gpt, shallow_water
from jitflow.core.config import config
from jitflow.runtime.device.transfer import mapped

RNG = np.random.default_rng(0)
PARAMETERS = gpt.make_parameters(RNG, vocabulary=50, context=16, width=16, blocks=1)
PRICES = [RNG.uniform(10, 200, 300), RNG.uniform(10, 200, 300), RNG.uniform(0.1, 2, 300)]
IMAGES = RNG.random((30, 16)).astype(np.float32)
LABELS = RNG.integers(0, 10, 30)


@pytest.fixture
def device():
    with config().override(strict=True), host_device.installed(HostDevice(launcher)) as made:
        yield made


def put(tree):
    return mapped(tree, lambda leaf: to_device(leaf) if isinstance(leaf, np.ndarray) else leaf)


WAVES = [shallow_water.initial_height(12), np.zeros((12, 12)), np.zeros((12, 12)), 1e-3, 2 / 12]
CASES = {
    "gpt": (gpt.gpt, [RNG.integers(0, 50, 7), PARAMETERS]),
    "water": (shallow_water.water_step, WAVES),
    "prices": (shallow_water.black_scholes, [*PRICES, 0.03, 0.2]),
    "describe": (breaks.describe, [RNG.normal(size=500)]),
}


@pytest.mark.parametrize("name", CASES)
def test_example(device, name, capsys):
    function, inputs = CASES[name]
    compiled = jitflow.compile(function)
    for _ in range(2):
        same(compiled(*put(inputs)), function(*put(inputs)), 1e-4)
    assert compiled.report().pieces >= 1
    left = [item["detail"] for item in compiled.report().as_dict()["breaks"]]
    assert {text for text in left if "host" in text} <= {"unique runs on the host"}
    assert device.launches


def test_training_and_generation(device):
    x, y = put(IMAGES), put(digits.one_hot(LABELS, 10))
    step = jitflow.compile(digits.step)
    w, b, losses = digits.train(step, x, y, epochs=2, batch=10)
    expected = digits.train(digits.step, x, y, epochs=2, batch=10)
    assert type(w) is DeviceArray
    same((w, b), expected[:2], 1e-4)
    np.testing.assert_allclose(losses, expected[2], rtol=1e-4)
    model, parameters = jitflow.compile(gpt.gpt), put(PARAMETERS)
    assert gpt.generate(model, [1, 2], parameters, 3) == gpt.generate(
        gpt.gpt, [1, 2], parameters, 3
    )
