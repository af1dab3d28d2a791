"""Attributes and items of dicts that the first iteration of a loop makes."""

from functools import partial

import numpy as np
import pytest
from helpers import agreement

agrees = partial(agreement.agrees, pieces=1, trace_everything=True)


class Layer:
    def __init__(self):
        self.w = np.eye(3)

    def __repr__(self):
        return repr([*vars(self).items()])

    def forward(self, x):
        self.x = x
        self.out = x @ self.w + 1
        return self.out

    def backward(self, g):
        self.dw = self.x.T @ (g * self.out)
        self.w = self.w - 0.01 * self.dw


X = np.arange(12.0).reshape(4, 3) / 10


def trained(layer, x, count):
    for _ in range(count):
        out = layer.forward(x)
        layer.backward(out - x)
    return layer.w


def test_a_layer_of_the_caller():
    agrees(trained, Layer(), X, 30)


def test_a_layer_of_the_program():
    def program(x, count):
        layer = Layer()
        return trained(layer, x, count), layer

    agrees(program, X, 30)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_iterations(count):
    agrees(trained, Layer(), X, count, pieces=None)


def test_values_in_a_dict():
    def program(values, x, count):
        for _ in range(count):
            values["hidden"] = x @ values["w"]
            values["loss"] = float(((values["hidden"] - x) ** 2).sum())
            values["w"] = values["w"] - 0.01 * x.T @ values["hidden"]
        return values["loss"]

    agrees(program, {"w": np.eye(3)}, X, 40)


def test_an_attribute_that_some_iterations_make():
    def program(layer, x, count):
        for k in range(count):
            if x[k % 4, 0] > 0.5:
                layer.last = k
        return getattr(layer, "last", None)

    agrees(program, Layer(), X, 40, pieces=None)
    agrees(program, Layer(), X, 1, pieces=None)


def test_an_exception_in_the_middle():
    def program(layer, x, count):
        for k in range(count):
            layer.seen = x[k] * 2
            layer.number = k
        return layer.seen

    agrees(program, Layer(), X, 4)
    agrees(program, Layer(), X, 9, pieces=None)  # IndexError


def test_a_new_key_in_each_iteration():
    def program(count):
        found = {}
        for k in range(count):
            found[f"{k % 3}"] = k
        return found

    agrees(program, 40, pieces=None)


def test_an_attribute_that_is_deleted_and_made_again():
    def program(layer, count):
        layer.number = 0
        for k in range(count):
            del layer.number
            layer.other = k
            layer.number = k + 1
        return layer.number

    agrees(program, Layer(), 12, pieces=None)


def test_the_order_of_a_set_of_the_caller():
    def program(seen, count):
        for k in (-2, 0, 8, -1, 16):
            if k not in seen:
                seen.add(k)
            seen.discard(3)
        return list(seen), count

    agrees(program, {-1, 3, 5}, 1.0, pieces=None)
    agrees(program, {3, 11, 19}, 1.0, pieces=None)
