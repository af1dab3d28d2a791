"""Training over generators of batches, with epochs that print and take times."""

import io
import time
from contextlib import redirect_stdout

import numpy as np

import jitflow


class Loader:
    def __init__(self, x, y, size):
        self.x, self.y, self.size = x, y, size

    def __iter__(self):
        for i in range(0, len(self.x), self.size):
            yield self.x[i : i + self.size], self.y[i : i + self.size]


class Model:
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        sizes = [6, 8, 8, 8, 8, 3]
        self.weights = [
            rng.normal(0, 0.5, pair) for pair in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self.moments = [np.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def step(self, x, y):
        layers = [x]
        for weight in self.weights:
            layers.append(np.tanh(layers[-1] @ weight))
        error = layers[-1] - y
        d = error / len(x)
        self.steps += 1
        for i in reversed(range(len(self.weights))):
            d = d * (1 - layers[i + 1] ** 2)
            gradient = layers[i].T @ d
            d = d @ self.weights[i].T
            self.moments[i] = 0.9 * self.moments[i] + 0.1 * gradient**2
            scale = 0.003 / (np.sqrt(self.moments[i] / (1 - 0.9**self.steps)) + 1e-8)
            self.weights[i] = self.weights[i] - scale * gradient
        return (error**2).mean()

    def fit(self, loader, epochs):
        history = []
        for epoch in range(epochs):
            begin = time.time()
            losses = [0.0]
            for x, y in loader:
                losses.append(self.step(x, y))
            seconds = time.time() - begin
            assert seconds >= 0
            history.append(float(np.mean(losses)))
            print(f"epoch {epoch}: {history[-1]:.6f}")
        return history


def trained(fit):
    rng = np.random.default_rng(1)
    loader, model = Loader(rng.normal(size=(60, 6)), rng.normal(size=(60, 3)), 8), Model()
    text = io.StringIO()
    with redirect_stdout(text):
        history = fit(model, loader, 4)
    return model, history, text.getvalue()


def test_each_batch_is_a_piece_from_the_first_call_on():
    compiled = jitflow.compile(Model.fit)
    model, history, text = trained(compiled)
    expected, expected_history, expected_text = trained(Model.fit)
    np.testing.assert_allclose(history, expected_history, rtol=1e-9)
    assert (text, model.steps) == (expected_text, expected.steps)
    for weight, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-7)
    pieces = compiled.report().journal.pieces
    assert any(piece.operators > 50 for piece in pieces), str(compiled.report())
    assert all(piece.operators < 400 for piece in pieces), str(compiled.report())


def test_large_iterations_of_a_while_are_pieces():
    def train(model, x, y, steps):
        done, losses = 0, []
        while done < steps:
            begin = done * 8 % len(x)
            for _ in "abcdef":
                losses.append(model.step(x[begin : begin + 8], y[begin : begin + 8]))
            if done % 4 == 0:
                print(f"{done}: {losses[-1]:.6f}")
            done += 1
        return losses

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(48, 6)), rng.normal(size=(48, 3))
    found = []
    compiled = jitflow.compile(train)
    for function in (train, compiled):
        text = io.StringIO()
        with redirect_stdout(text):
            losses = function(Model(), x, y, 12)
        found.append((losses, text.getvalue()))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9)
    assert found[1][1] == found[0][1]
    pieces = compiled.report().journal.pieces
    assert any(piece.operators > 300 for piece in pieces), str(compiled.report())
    assert all(piece.operators < 1500 for piece in pieces), str(compiled.report())
