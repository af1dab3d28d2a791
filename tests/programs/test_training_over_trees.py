"""Training steps over nested dicts and lists of parameters, with a print now and then."""

import numpy as np

import jitflow


def tree_map(function, *trees):
    if isinstance(trees[0], dict):
        return {key: tree_map(function, *(tree[key] for tree in trees)) for key in trees[0]}
    if isinstance(trees[0], list):
        return [tree_map(function, *items) for items in zip(*trees, strict=True)]
    return function(*trees)


def make_parameters(layers):
    rng = np.random.default_rng(0)
    return {
        "layers": [
            {"w": rng.normal(size=(6, 6)), "norm": {"gain": np.ones(6), "bias": np.zeros(6)}}
            for _ in range(layers)
        ],
        "head": {"w": rng.normal(size=(6, 3)), "b": np.zeros(3)},
    }


def loss_and_gradient(p, x, y):
    inputs, h = [], x
    for layer in p["layers"]:
        z = h @ layer["w"]
        n = z * layer["norm"]["gain"] + layer["norm"]["bias"]
        inputs.append((h, z, n))
        h = np.tanh(n)
    out = h @ p["head"]["w"] + p["head"]["b"]
    d = 2 * (out - y) / y.size
    gradients = {"layers": [], "head": {"w": h.T @ d, "b": d.sum(0)}}
    d = d @ p["head"]["w"].T
    for layer, (h, z, n) in zip(reversed(p["layers"]), reversed(inputs), strict=True):
        d = d * (1 - np.tanh(n) ** 2)
        norm = {"gain": (d * z).sum(0), "bias": d.sum(0)}
        d = d * layer["norm"]["gain"]
        gradients["layers"].insert(0, {"w": h.T @ d, "norm": norm})
        d = d @ layer["w"].T
    return np.mean((out - y) ** 2), gradients


def adam(p, g, m, v, t, rate=1e-2, b1=0.9, b2=0.99):
    m = tree_map(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = tree_map(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)

    def step(p, m, v):
        return p - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8)

    return tree_map(step, p, m, v), m, v


def train(p, x, y, steps, every):
    m, v = tree_map(np.zeros_like, p), tree_map(np.zeros_like, p)
    losses = []
    for t in range(1, steps + 1):
        loss, g = loss_and_gradient(p, x, y)
        p, m, v = adam(p, g, m, v, t)
        losses.append(float(loss))
        if t % every == 0:
            print(f"{t}: {loss:.4f}")
    return losses, p


def test_the_work_of_a_step_is_compiled_once(capsys):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 6)), rng.normal(size=(8, 3))
    expected, after = train(make_parameters(14), x, y, 9, 4)
    printed = capsys.readouterr().out
    compiled = jitflow.compile(train)
    losses, found = compiled(make_parameters(14), x, y, 9, 4)
    assert capsys.readouterr().out == printed
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    tree_map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9), found, after)
    pieces = [piece["operators"] for piece in compiled.report().as_dict()["pieces"]]
    assert sum(count > 400 for count in pieces) == 1, str(compiled.report())


def train_and_tell(p, x, y, steps):
    m, v = tree_map(np.zeros_like, p), tree_map(np.zeros_like, p)
    for t in range(1, steps + 1):
        loss, g = loss_and_gradient(p, x, y)
        p, m, v = adam(p, g, m, v, t)
        print(f"step {t + 1}: {loss:.4f}")
    return p


def test_the_text_of_a_counter_makes_no_variants(capsys):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 6)), rng.normal(size=(8, 3))
    train_and_tell(make_parameters(14), x, y, 6)
    printed = capsys.readouterr().out
    compiled = jitflow.compile(train_and_tell)
    compiled(make_parameters(14), x, y, 6)
    assert capsys.readouterr().out == printed
    pieces = [piece["operators"] for piece in compiled.report().as_dict()["pieces"]]
    assert sum(count > 400 for count in pieces) <= 2, str(compiled.report())


def grow(x, steps):
    total = 0.0
    for k in range(steps):
        y = x * k
        z = {"y": y, "all": [y, y.sum()]}
        print(k)
        total = total + z["all"][1]
    return total, z["y"]


def test_variables_that_the_first_iteration_binds_make_no_other_pieces(capsys):
    compiled = jitflow.compile(grow)
    x = np.arange(1000.0)
    expected = grow(x, 5)
    found = compiled(x, 5)
    assert found[0] == expected[0]
    assert np.array_equal(found[1], expected[1])
    assert capsys.readouterr().out == "0\n1\n2\n3\n4\n" * 2
