"""Training loops as people write them: what each epoch gave is kept in lists and printed at times."""

import json

import numpy as np
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 8)), RNG.standard_normal((20, 4))


class Model:
    def __init__(self):
        self.w, self.b = np.full((8, 4), 0.1), np.zeros(4)
        self.history, self.rng = [], np.random.RandomState(0)

    def step(self, x, y, rate):
        self.noise = self.rng.randn(4)
        error = (x @ self.w + self.b + 0.01 * self.noise - y) / len(x)
        self.w -= rate * (x.T @ error)
        self.b -= rate * error.sum(0)
        return (error**2).sum(), rate


def recompiles_of(function, *calls):
    compiled = jitflow.compile(function)
    before = jitflow.stats()["recompiles"]
    for args in calls:
        compiled(*args)
    return jitflow.stats()["recompiles"] - before


def train(x, y, epochs):
    model, losses = Model(), []
    for epoch in range(epochs):
        loss, rate = model.step(x, y, 0.1)
        losses.append((loss, rate))
        if epoch % 5 == 0:
            print(f"epoch {epoch}: {loss:.4f}")
    return losses, model.w, model.b


def test_losses_kept_and_printed(check_loops):
    report = check_loops(train, (X, Y, 23), (X, Y, 11), (X, Y, 1))
    assert "while" in control_nodes(report)


def test_one_variant_for_all_stretches_of_a_loop():
    assert recompiles_of(train, (X, Y, 23), (X, Y, 23)) == 0


def test_lists_of_an_object(check_loops):
    class Log:
        def __init__(self):
            self.losses, self.weights, self.model = [], [], Model()

        def fit(self, x, y, epochs):
            for epoch in range(epochs):
                loss, _ = self.model.step(x, y, 0.1)
                self.losses.append(loss)
                self.weights.append(self.model.w * 1.0)
                if (epoch + 1) % 4 == 0:
                    print(epoch, round(loss, 6))
            return self

    def f(x, y, epochs):
        log = Log().fit(x, y, epochs)
        log.fit(x, y, 3)
        return log.losses, log.weights

    check_loops(f, (X, Y, 14), (X, Y, 2))


def test_list_from_outside_that_grows_in_a_loop():
    def f(log, x, n):
        for step in range(n):
            x = x * 0.5 + 1.0
            log.append(x.sum())
        return x

    logs = [0.0], [0.0]
    compiled = jitflow.compile(f)
    for n in (7, 9, 9, 9):
        compiled(logs[0], X, n)
        f(logs[1], X, n)
    assert [type(item) for item in logs[0]] == [type(item) for item in logs[1]]
    np.testing.assert_allclose(logs[0], logs[1], rtol=1e-12)


def test_list_that_is_looked_at_in_the_loop(check_loops):
    def f(log, x, n):
        for step in range(n):
            x = x * 0.5 + 1.0
            log.append(x.sum())
            if len(log) > 3 and log[-1] < log[-2]:
                print("down", step)
        return log

    check_loops(f, ([0.0], X, 9), ([0.0, 1e9], X, 9))


def test_two_names_of_one_list(check_loops):
    def f(logs, x, n):
        first, second = logs
        for step in range(n):
            x = x * 0.5
            first.append(x.sum())
            second.append(step)
        return logs, x

    def both(same, x, n):
        first = []
        return f([first, first] if same else [first, []], x, n)

    compiled = jitflow.compile(f)
    shared, other = [], []
    compiled([other, []], X, 6)
    compiled([shared, shared], X, 6)
    expected = []
    f([expected, expected], X, 6)
    assert [type(item) for item in shared] == [type(item) for item in expected]
    check_loops(both, (True, X, 6), (False, X, 6))


def test_appends_in_one_arm(check_loops):
    def f(log, x, n):
        for step in range(n):
            x = x * 0.5 + 1.0
            if x.sum() > 300.0:
                log.append(step)
        return log, x

    check_loops(f, ([], X * 100, 9), ([5], X, 9))


def test_raises_behind_appends(check_loops):
    def f(log, x, n):
        for step in range(n):
            log.append(x[step, 0])
        return log

    check_loops(f, ([], X, 9), ([], X, 21))


TEXT = "the quick brown fox jumps over the lazy dog and goes on to read what it wrote " * 3
PLACES = {letter: place for place, letter in enumerate(sorted(set(TEXT)))}


def read_text(w, steps, size):
    """A network that reads a text, `size` letters at a time."""
    h, losses, start = np.zeros(w.shape[0]), [], 0
    for step in range(steps):
        if start + size + 1 >= len(TEXT):
            start, h = 0, h * 0.0
        inputs = [PLACES[letter] for letter in TEXT[start : start + size]]
        targets = [PLACES[letter] for letter in TEXT[start + 1 : start + size + 1]]
        loss = 0.0
        for place, target in zip(inputs, targets, strict=True):
            h = np.tanh(w[:, place] + 0.5 * h)
            loss -= np.log(np.exp(h[target % len(h)]) / np.exp(h).sum())
        losses.append(loss)
        if step % 7 == 0:
            print(step, f"{loss:.6f}", "".join(TEXT[place] for place in inputs[:3]))
        start += size
    return losses, h


def test_a_text_read_piece_by_piece(check_loops):
    w = RNG.standard_normal((40, len(PLACES)))
    check_loops(read_text, (w, 12, 4), (w, 25, 9))


def test_texts_that_differ_each_time_are_left_to_python():
    w = RNG.standard_normal((40, len(PLACES)))
    compiled = jitflow.compile(read_text)
    with jitflow.config().override(measure=False):
        for _ in range(3):
            compiled(w, 25, 9)
        before = jitflow.stats()["recompiles"]
        compiled(w, 25, 9)
    assert jitflow.stats()["recompiles"] == before
    codes = {found["code"] for found in json.loads(compiled.report().to_json())["breaks"]}
    assert "JF-B010" in codes
