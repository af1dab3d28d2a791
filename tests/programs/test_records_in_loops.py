"""Lists of tuples and dicts of arrays that loops make and read, and dicts that each iteration makes anew."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((40, 4))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def squared(x):
    return float((x**2).sum())


# Networks over time


def lstm_parameters():
    return {
        "Wx": RNG.standard_normal((3, 16)) * 0.1,
        "Wh": RNG.standard_normal((4, 16)) * 0.1,
        "b": np.zeros(16),
    }


def lstm_step(p, x, slope):
    h = c = np.zeros((len(x), 4))
    cache = []
    for t in range(x.shape[1]):
        z = x[:, t] @ p["Wx"] + h @ p["Wh"] + p["b"]
        i, f, o, g = np.split(z, 4, axis=1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        h_before, c_before = h, c
        c = f * c + i * g
        h = o * np.tanh(c)
        cache.append((x[:, t], h_before, c_before, i, f, o, g, c))
    gradients = {name: np.zeros_like(value) for name, value in p.items()}
    dh, dc = h - slope, np.zeros_like(h)
    for t in reversed(range(len(cache))):
        xt, h_before, c_before, i, f, o, g, c = cache[t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        parts = [
            dc * g * i * (1 - i),
            dc * c_before * f * (1 - f),
            dh * np.tanh(c) * o * (1 - o),
            dc * i * (1 - g**2),
        ]
        dz = np.concatenate(parts, axis=1)
        gradients["Wx"] += xt.T @ dz
        gradients["Wh"] += h_before.T @ dz
        gradients["b"] += dz.sum(0)
        dh, dc = dz @ p["Wh"].T, dc * f
    return {name: p[name] - 0.1 * gradients[name] for name in p}


def test_lstm_with_a_list_of_tuples(check_loops):
    x = RNG.standard_normal((2, 30, 3))
    report = check_loops(lstm_step, (lstm_parameters(), x, 0.5), (lstm_parameters(), x + 1, 0.1))
    assert (report.pieces, control_nodes(report)) == (1, ["for", "for"])


def test_training_of_an_lstm(check_loops):
    def train(p, x, steps):
        for _ in range(steps):
            p = lstm_step(p, x, 0.5)
        return p

    x = RNG.standard_normal((2, 20, 3))
    report = check_loops(train, (lstm_parameters(), x, 30))
    assert report.pieces == 1
    assert all(piece.operators < 400 for piece in report.journal.pieces)


def test_caches_that_are_dicts(check_loops):
    def f(x, w):
        h, caches = np.zeros(4), []
        for row in x:
            z = sigmoid(row @ w + h)
            new = (1 - z) * h + z * np.tanh(row)
            caches.append({"x": row, "h": h, "z": z})
            h = new
        slope, total = np.ones(4), np.zeros_like(w)
        for cache in reversed(caches):
            dz = slope * (cache["h"] - cache["x"]) * cache["z"] * (1 - cache["z"])
            total += np.outer(cache["x"], dz)
            slope = slope * (1 - cache["z"]) + dz @ w.T
        return h, total

    w = RNG.standard_normal((4, 4))
    report = check_loops(f, (ROWS, w), (ROWS + 1, w))
    assert (report.pieces, control_nodes(report)) == (1, ["for", "for"])


def test_a_cache_of_keys_and_values(check_loops):
    def f(x, w, n):
        keys, values, out = [], [], []
        for _ in range(n):
            keys.append(x @ w)
            values.append(x @ w.T)
            scores = np.array([x @ key for key in keys])
            weights = np.exp(scores - scores.max())
            weights /= weights.sum()
            seen = sum(weight * value for weight, value in zip(weights, values))
            x = np.tanh(x + seen)
            out.append(x)
        return np.array(out)

    w = RNG.standard_normal((4, 4))
    check_loops(f, (ROWS[0], w, 30), (ROWS[1], w, 12))


def test_zip_of_lengths_that_data_decide(check_loops):
    def f(rows, n):
        kept, total = [], 0.0
        for t in range(n):
            if rows[t, 0] > 0:
                kept.append(rows[t])
            weights = np.arange(t // 2) * 0.5
            for weight, row in zip(weights, kept):
                total += weight * row.sum()
        return total

    check_loops(f, (ROWS, 40), (ROWS, 25))


# Parameters that each iteration makes anew


def test_dicts_made_anew(check_loops):
    def f(x, y, p, steps):
        losses = []
        for _ in range(steps):
            h = np.tanh(x @ p["w"] + p["b"])
            losses.append(((h - y) ** 2).mean())
            d = 2 * (h - y) * (1 - h**2)
            g = {"w": x.T @ d, "b": d.sum(0)}
            p = {name: p[name] - 0.01 * g[name] for name in p}
        return p, losses

    p = {"w": RNG.standard_normal((4, 2)), "b": np.zeros(2)}
    y = RNG.standard_normal((40, 2))
    report = check_loops(f, (ROWS, y, p, 50))
    assert (report.pieces, control_nodes(report)) == (1, ["for"])


def test_a_second_name_of_a_dict_made_anew(check_loops):
    def before(p, n):
        last = p
        for t in range(n):
            p = {"w": [p["w"][0] * 0.5 + t], "b": (p["b"][0], p["b"][1] + 1)}
            last = p
        last["w"][0] = last["w"][0] + 1
        return p["w"], last, p is last

    def inside(p, n):
        for t in range(n):
            p = {"w": p["w"] * 0.5 + t, "b": p["b"] + 1}
            last = p
        last["c"] = 8
        return p, last["b"], p is last

    check_loops(before, ({"w": [np.arange(3.0)], "b": (np.ones(2), 1.0)}, 40))
    check_loops(inside, ({"w": np.arange(3.0), "b": np.ones(2)}, 40))


def test_adam_over_trees(check_loops):
    def f(p, steps):
        m = [{name: np.zeros_like(v) for name, v in layer.items()} for layer in p]
        v = [{name: np.zeros_like(v) for name, v in layer.items()} for layer in p]
        p = [dict(layer) for layer in p]
        for t in range(1, steps):
            g = [{name: 2 * a + 1 for name, a in layer.items()} for layer in p]
            m = [{k: 0.9 * a[k] + 0.1 * b[k] for k in a} for a, b in zip(m, g)]
            v = [{k: 0.99 * a[k] + 0.01 * b[k] ** 2 for k in a} for a, b in zip(v, g)]
            p = [
                {k: a[k] - 0.1 * b[k] / (1 - 0.9**t) / (np.sqrt(c[k]) + 1e-8) for k in a}
                for a, b, c in zip(p, m, v)
            ]
        return p

    layers = [{"w": RNG.standard_normal((3, 2)), "b": np.zeros(2)}, {"w": np.ones(4)}]
    report = check_loops(f, (layers, 30), (layers, 60))
    assert "for" in control_nodes(report)


def test_lists_of_tuples_made_anew(check_loops):
    def f(x, layers, steps):
        for _ in range(steps):
            h = x
            for w, b in layers:
                h = np.tanh(h @ w + b)
            layers = [(w - 0.1 * h.mean(), b * 0.9) for w, b in layers]
        return layers, h

    layers = [(np.ones((4, 3)), np.zeros(3)), (np.ones((3, 2)), np.zeros(2))]
    report = check_loops(f, (ROWS, layers, 30), (ROWS, layers, 45))
    assert "for" in control_nodes(report)


class Model:
    def __init__(self):
        self.p, self.log = {"w": np.ones(4), "count": 0.0}, []


def test_dicts_in_attributes(check_loops):
    def f(model, rows):
        for row in rows:
            model.p = {"w": model.p["w"] * 0.9 + row, "count": model.p["count"] + 1}
            model.log.append(model.p["count"])
        return model.p, model.log

    check_loops(f, (Model(), ROWS), (Model(), ROWS[:3]))


# What may not be mistaken


def written_after_the_append(a, n):
    log, total = [], 0.0
    for t in range(n):
        log.append((a[t], t))
        a[t] += 1
    for row, t in log:
        total += row.sum() * t
    return total


def written_in_the_next_iteration(a, n):
    log, total = [(a[0], a[1])], 0.0
    for _ in range(1, n):
        a[0] += 1
        total += log[-1][0].sum()
        log.append((a[0], a[1]))
    return total


def written_by_the_reading_loop(a, n):
    log, total = [], 0.0
    for t in range(n):
        log.append((a[t], t))
    for t in range(len(log)):
        total += log[t][0].sum()
        a[0] += 1
    return total


def written_behind_both(a, n):
    log = []
    for t in range(n):
        log.append((a[t], t))
    row = log[n // 2][0]
    a[n // 2] = 3
    return row.sum() + log[n // 2][0].sum()


def carried_arrays_are_written(a, n):
    log, h, before = [], a[0] * 1, a[1] * 1
    for t in range(n):
        before[0] = 50 + t
        log.append((h, t))
        before, h = h, h + 1
    return sum(row.sum() * t for row, t in log)


def the_first_one_is_written(a, n):
    first = np.ones(4)
    h, log = first, []
    for t in range(n):
        log.append((h, a[t]))
        h = h * 2
    first[:] = 9
    total = 0.0
    for t in range(len(log)):
        total += log[t][0].sum() * (t + 1)
    return total


def views_of_what_iterations_make(a, n):
    log = []
    for t in range(n):
        z = a[t] * 2
        log.append((z[:2], t))
    z[0] = 100
    return sum(part.sum() for part, _ in log)


def strides_of_items(a, n):
    a, log, total = a.T, [], 0
    for t in range(n):
        log.append((a[:, t], t))
    for t in range(n):
        total += log[t][0].strides[0] + log[t][0].flags.c_contiguous
    return total


def strides_of_what_is_carried(a, n):
    a, total = np.ascontiguousarray(a.T), 0
    column = a[:, 0]
    for t in range(n):
        total += column.strides[0]
        column = a[:, t]
    return total


def items_are_written(a, n):
    log = []
    for t in range(n):
        log.append((a[t], t))
    for t in range(n):
        log[t][0][0] += 1
    return a.sum()


def lists_leave(a, n):
    log, h = [], np.ones(4)
    for t in range(n):
        before, h = h, h + a[t]
        log.append((a[t], before, h))
    log[0][0][1] = 7
    return log, h, log[1][1] is log[0][2], a


def the_same_tuple(a, n):
    log, same = [], 0
    for t in range(n):
        log.append((a[t] + 1, t))
    for t in range(n):
        same += log[t] is log[n - 1 - t]
    return same


def dicts_change_behind_the_append(a, n):
    log = []
    for t in range(n):
        d = {"x": a[t], "y": a[t] * 2}
        log.append(d)
        d["y"] = a[t] * 3
    return sum(d["y"].sum() for d in log)


def dicts_in_lists_change(a, n):
    log = []
    for t in range(n):
        log.append({"x": a[t] + 1, "t": t})
    for t in range(n):
        log[t]["t"] = log[t]["t"] + 1
    return [d["t"] for d in log]


def the_last_dict_changes(a, n):
    log = []
    for t in range(n):
        last = {"x": a[t] + 1, "t": t}
        log.append(last)
    last["t"] = -1
    return sum(d["t"] for d in log)


def dicts_leave(a, n):
    log = []
    for t in range(n):
        log.append({"x": a[t] + 1, "t": t})
    return log


def the_same_dict(a, n):
    log, same = [], 0
    for t in range(n):
        log.append({"x": a[t] + 1, "t": t})
    for t in range(n):
        same += log[t] is log[n - 1 - t]
    return same


def one_dict_many_times(a, n):
    log, d = [], {"x": a[0] + 1, "t": 0}
    for _ in range(n):
        log.append(d)
        d["t"] += 1
    return sum(d["t"] for d in log)


def the_old_dict_has_a_name(a, n):
    p = {"w": a[0], "b": np.zeros(2)}
    old = p
    for t in range(n):
        p = {name: value + t for name, value in p.items()}
    return old, p, old is p


def the_one_before_has_a_name(a, n):
    p = {"w": a[0] * 1}
    q = p
    for t in range(n):
        q, p = p, {name: value + t for name, value in p.items()}
    q["w"][0] = 9
    return p, q


def arrays_stay_in_the_dict(a, n):
    p = {"w": a[0], "b": np.zeros(2)}
    for t in range(n):
        p = {"w": p["w"], "b": p["b"] + 1}
        p["b"][0] = t
    p["w"][0] = 5
    return p, a


def copies_of_the_dict(a, n):
    row = a[0]
    p = {"w": row, "b": row, "rate": 0.5}
    old = p
    for _ in range(n):
        p = dict(p)
    p["w"][0] = 9
    return old, p, old is p, a


def updated_copies(a, n):
    p = {"w": a[0], "b": a[1] * 2}
    for t in range(n):
        new = {}
        new.update(p)
        new["b"] = new["b"] + t
        p = new
    p["b"][1] = 7
    p["w"][0] = 9
    return p, a


def kinds_of_items_change(a, n):
    p = {"w": 1, "b": a[0]}
    for _ in range(n):
        p = {"w": p["w"] * 1.5, "b": p["b"] + p["w"]}
    return p


def keys_change(a, n):
    p = {"w": 1.0}
    for t in range(n):
        p = {**p, str(t % 3): float(t)}
    return p


def the_best_is_kept(a, n):
    p = {"w": a[0]}
    best, least = p, np.inf
    for _ in range(n):
        p = {"w": p["w"] * 1.1 - 0.3}
        if squared(p["w"]) < least:
            best, least = p, squared(p["w"])
    return best, least, best is p


@pytest.mark.parametrize(
    "function",
    [
        written_after_the_append,
        written_in_the_next_iteration,
        written_by_the_reading_loop,
        written_behind_both,
        carried_arrays_are_written,
        the_first_one_is_written,
        views_of_what_iterations_make,
        strides_of_items,
        strides_of_what_is_carried,
        items_are_written,
        lists_leave,
        the_same_tuple,
        dicts_change_behind_the_append,
        dicts_in_lists_change,
        the_last_dict_changes,
        dicts_leave,
        the_same_dict,
        one_dict_many_times,
        the_old_dict_has_a_name,
        the_one_before_has_a_name,
        arrays_stay_in_the_dict,
        copies_of_the_dict,
        updated_copies,
        kinds_of_items_change,
        keys_change,
        the_best_is_kept,
    ],
)
def test_objects_stay_what_they_are(check_loops, function):
    check_loops(function, *((ROWS, n) for n in (3, 2, 25, 31)))


# One array in all items


def test_weights_in_each_record(check_loops, capsys):
    def train(x, w, steps):
        for _ in range(steps):
            h, cache = x, []
            for t in range(25):
                cache.append((h, w, t))
                h = np.tanh(h @ w)
            slope, total = np.ones_like(h), np.zeros_like(w)
            for before, weights, t in reversed(cache):
                slope = slope * (1 - np.tanh(before @ weights) ** 2)
                total += before.T @ slope * t
                slope = slope @ weights.T
            w -= 1e-4 * total
        return h, w

    w = RNG.standard_normal((4, 4)) * 0.3
    with jitflow.config().override(logs=("graphs",)):
        report = check_loops(train, (ROWS, w, 20))
    assert report.pieces == 1
    text = capsys.readouterr().err
    assert "f64[29,40,4]" in text
    assert "f64[29,4,4]" not in text, "a copy of the weights for each record"


def weights_are_written_behind(a, n):
    h, cache = a[:4], []
    w = a[4:8] * 0.1
    for t in range(n):
        h = np.tanh(h @ w)
        cache.append((h, w, t))
    w[0] += 1
    total = 0.0
    for t in range(n):
        total += (cache[t][1] * cache[t][0]).sum()
    return total


def weights_are_written_through_items(a, n):
    cache = []
    for t in range(n):
        cache.append({"x": a[t] * 2, "w": a})
    for t in range(n):
        cache[t]["w"][t] += 1
    return a, cache[0]["w"] is a


def weights_leave_in_items(a, n):
    cache = []
    for t in range(n):
        cache.append((a[t] * 2, a))
    return cache, cache[-1][1] is a


def weights_change_in_the_middle(a, n):
    cache, w, total = [], a, 0.0
    for t in range(n):
        cache.append((w, t))
        if t == 3:
            w = w * 2
    for t in range(n):
        total += cache[t][0].sum() * t
    return total


@pytest.mark.parametrize(
    "function",
    [
        weights_are_written_behind,
        weights_are_written_through_items,
        weights_leave_in_items,
        weights_change_in_the_middle,
    ],
)
def test_one_array_in_all_items(check_loops, function):
    check_loops(function, *((ROWS, n) for n in (3, 2, 25, 31)))
