"""Loops whose iterations run at once, and those that must not."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.core.config import config


@pytest.fixture
def device():
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def launches(device, function, *inputs):
    """How many kernels a call launches; it means what the eager one means."""
    first, second = ([to_device(x.copy()) if isinstance(x, np.ndarray) else x for x in inputs]
                     for _ in range(2))  # fmt: skip
    expected = function(*first)
    before = device.launches
    got = jitflow.compile(function, fullgraph=True)(*second)
    same(got, expected)
    same(second, first)
    return device.launches - before


def test_elements(device):
    def f(x, out):
        for i in range(x.shape[0]):
            out[i] = x[i] * 2 + i
        return out

    assert launches(device, f, numbers(30), np.zeros(30)) == 1


def test_in_place_and_shifted_parts_of_another_array(device):
    def f(x, y):
        for i in range(1, 29):
            x[i] = x[i] + y[i - 1] * y[i + 1]

    assert launches(device, f, numbers(30), numbers(30, seed=1)) == 1


def test_rows_with_temporaries(device):
    def f(x, out):
        for i in range(x.shape[0]):
            r = x[i] - x[i].mean()
            out[i] = r / np.sqrt((r * r).sum())
        return out

    assert launches(device, f, numbers(42, 30), np.zeros((42, 30))) == 1


def test_nested_loops(device):
    def f(x, y, out):
        for i in range(x.shape[0]):
            for j in range(y.shape[0]):
                out[i, j] = np.abs(x[i] - y[j]).sum()
        return out

    assert launches(device, f, numbers(40, 9), numbers(41, 9, seed=1), np.zeros((40, 41))) == 1


def test_columns(device):
    def f(x, out):
        for j in range(x.shape[1]):
            out[:, j] = x[:, j] - x[:, j].max()
        return out

    assert launches(device, f, numbers(9, 42), np.zeros((9, 42))) == 1


def test_products_become_a_batch(device):
    def f(x, w, out):
        for i in range(x.shape[0]):
            out[i] = x[i] @ w
        return out

    before = device.products
    count = launches(device, f, numbers(40, 20, 30), numbers(30, 6, seed=1), np.zeros((40, 20, 6)))
    assert device.products - before <= 1
    assert count <= 2


def test_a_recurrence_runs_in_order(device):
    def f(x):
        for i in range(1, x.shape[0]):
            x[i] = x[i] + 0.5 * x[i - 1]
        return x

    assert launches(device, f, numbers(41)) >= 40


def test_rows_that_overlap_run_in_order(device):
    def f(x):
        for i in range(40):
            x[i : i + 3] = x[i : i + 3] * 2
        return x

    assert launches(device, f, numbers(43)) >= 40


def test_a_value_that_is_carried_runs_in_order(device):
    def f(x, out):
        last = x[0] * 0
        for i in range(x.shape[0]):
            out[i] = last
            last = last + x[i] * x[i]
        return out, last

    assert launches(device, f, numbers(40), np.zeros(40)) >= 40


def test_one_place_for_all_runs_in_order(device):
    def f(x, out):
        for i in range(x.shape[0]):
            out[0] = x[i] + out[0] * 0.5
        return out

    assert launches(device, f, numbers(40), np.zeros(3)) >= 40


def test_elements_chosen_by_an_index_run_in_order(device):
    def f(x, k, out):
        for i in range(k.shape[0]):
            out[k[i]] = x[i]
        return out

    index = np.random.default_rng(2).integers(0, 4, 40)
    assert launches(device, f, numbers(40), index, np.zeros(4)) >= 40


def test_columns_that_overlap_run_in_order(device):
    def f(x):
        for j in range(x.shape[1] - 1):
            x[:, j + 1] = x[:, j + 1] + x[:, j]
        return x

    assert launches(device, f, numbers(5, 41)) >= 40


def test_sizes_that_are_symbols(device):
    def f(x):
        out = x * 0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = x[i, j] * 2
        return out

    compiled = jitflow.compile(f, dynamic=True)
    for shape in ((40, 45), (41, 50)):
        x = numbers(*shape)
        before = device.launches
        got = compiled(to_device(x))
        np.testing.assert_array_equal(got.get(), x * 2)
        assert device.launches - before <= 2
