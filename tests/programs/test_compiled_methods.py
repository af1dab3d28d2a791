"""Methods, properties and constructors that are compiled themselves are inlined like others."""

import copy

import numpy as np

import jitflow


class Activation:
    @jitflow.compile
    def __call__(self, x):
        return np.tanh(x)


class Layer:
    @jitflow.compile
    def __init__(self, n):
        self.weights, self.activation = np.eye(n), Activation()

    @jitflow.compile
    def forward(self, x):
        return self.activation(x @ self.weights)

    @property
    @jitflow.compile
    def norm(self):
        return (self.weights**2).sum()

    @staticmethod
    @jitflow.compile
    def twice(x):
        return 2 * x

    @classmethod
    @jitflow.compile
    def make(cls, n):
        return cls(n)


class Shifted(Layer):
    @jitflow.compile
    def forward(self, x):
        return super().forward(x) + 1


class Optimizer:
    def __init__(self):
        self.moment = None

    @jitflow.compile
    def update(self, weights, gradient):
        if self.moment is None:
            self.moment = np.zeros(np.shape(gradient))
        self.moment = 0.9 * self.moment + 0.1 * gradient
        return weights - 0.01 * self.moment


def test_methods_of_layers(check):
    def run(layers, x):
        for layer in layers:
            x = layer.forward(x)
        return Layer.twice(x) + layers[0].norm

    layers = [Layer(3), Shifted(3), Layer(3)]
    report = check(run, (layers, np.ones((2, 3))), (layers, np.ones((2, 3))))
    assert (report.pieces, report.breaks, report.recompiles) == (1, 0, 0), str(report)


def test_constructors(check):
    def run(x):
        layer = Layer.make(3)
        return layer.forward(x), layer.twice(x), layer.weights

    report = check(run, (np.ones((2, 3)),))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_state_that_is_none_at_first():
    step = jitflow.compile(lambda first, second, w, g: first.update(second.update(w, g), g))
    with jitflow.config().override(strict=True, measure=False):
        optimizers = [Optimizer(), Optimizer()]
        copies = copy.deepcopy(optimizers)
        w, g = np.ones((3, 2)), np.arange(6.0).reshape(3, 2)
        for _ in range(6):
            expected = copies[0].update(copies[1].update(w, g), g)
            np.testing.assert_allclose(step(*optimizers, w, g), expected)
            w = expected
    assert step.report().recompiles <= 2, str(step.report())


def test_draws_whose_shape_is_a_numpy_integer():
    @jitflow.compile
    def draw(n):
        return np.random.uniform(-1, 1, (n, 3))

    for n in (np.int64(4), np.int64(4), np.int64(5), 7, np.int64(4)):
        np.random.seed(0)
        expected = np.random.uniform(-1, 1, (n, 3)), np.random.random()
        np.random.seed(0)
        np.testing.assert_array_equal(draw(n), expected[0])
        assert np.random.random() == expected[1]
