"""Recurrent networks over time, forward and through time backward."""

import numpy as np

from benchmarks.programs.registry import program


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _sequence(n, gates=4, inputs=10, hidden=16, batch=4):
    rng = np.random.default_rng(0)

    def weights(a, b):
        return (rng.standard_normal((a, b)) / np.sqrt(a)).astype(np.float32)

    x = rng.standard_normal((n, batch, inputs)).astype(np.float32)
    bias = np.zeros(gates * hidden, np.float32)
    return x, weights(inputs, gates * hidden), weights(hidden, gates * hidden), bias


@program(_sequence, 5, 64)
def lstm_with_lists(x, Wx, Wh, b):
    T, N, D = x.shape
    H = Wh.shape[0]
    h, c = np.zeros((N, H), dtype=np.float32), np.zeros((N, H), dtype=np.float32)
    outputs = []
    for t in range(T):
        gates = x[t] @ Wx + h @ Wh + b
        i, f, g, o = np.split(gates, 4, axis=1)
        i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), (h, c)


class LSTMCell:
    """One matrix for each gate on inputs and state side by side."""

    def __init__(self, n_in, n_hidden, rng):
        for gate in ["f", "i", "c", "o"]:
            setattr(self, f"W_{gate}", rng.standard_normal((n_hidden, n_hidden + n_in)) * 0.1)
            setattr(self, f"b_{gate}", np.zeros((n_hidden, 1)))
        self.n_hidden = n_hidden
        self.caches = []

    def step(self, x, h_prev, c_prev):
        z = np.vstack((h_prev, x))
        f = sigmoid(np.dot(self.W_f, z) + self.b_f)
        i = sigmoid(np.dot(self.W_i, z) + self.b_i)
        g = np.tanh(np.dot(self.W_c, z) + self.b_c)
        o = sigmoid(np.dot(self.W_o, z) + self.b_o)
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        self.caches.append((z, f, i, g, o, c, c_prev))
        return h, c

    def backward_step(self, dh, dc_next, cache):
        z, f, i, g, o, c, c_prev = cache
        tc = np.tanh(c)
        do = dh * tc * o * (1 - o)
        dc = dh * o * (1 - tc**2) + dc_next
        df = dc * c_prev * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g**2)
        grads = [d @ z.T for d in (df, di, dg, do)]
        dz = self.W_f.T @ df + self.W_i.T @ di + self.W_c.T @ dg + self.W_o.T @ do
        return dz[: self.n_hidden], f * dc, grads


def _cell(n):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 6, 1)), LSTMCell(6, 12, rng)


@program(_cell, 5, 40)
def lstm_cell_through_time(xs, cell):
    h = c = np.zeros((cell.n_hidden, 1))
    hs = []
    for x in xs:
        h, c = cell.step(x, h, c)
        hs.append(h)
    totals = [np.zeros_like(w) for w in (cell.W_f, cell.W_i, cell.W_c, cell.W_o)]
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(len(xs))):
        dh, dc, grads = cell.backward_step(dh + hs[t], dc, cell.caches[t])
        for total, grad in zip(totals, grads):
            total += grad
    for total in totals:
        np.clip(total, -1, 1, out=total)
    return hs[-1], totals


@program(lambda n: _sequence(n, gates=3), 5, 64)
def gru_preallocated(x, W, U, b):
    T, N, D = x.shape
    H = U.shape[0]
    hs = np.empty((T + 1, N, H), dtype=x.dtype)
    hs[0] = 0
    for t in range(T):
        h = hs[t]
        xw = x[t] @ W + b
        hu = h @ U
        z = sigmoid(xw[:, :H] + hu[:, :H])
        r = sigmoid(xw[:, H : 2 * H] + hu[:, H : 2 * H])
        n = np.tanh(xw[:, 2 * H :] + r * hu[:, 2 * H :])
        hs[t + 1] = (1 - z) * n + z * h
    return hs[1:], hs[-1]


@program(lambda n: _sequence(n, gates=1), 5, 64)
def bidirectional_rnn(x, Wx, Wh, b):
    def run(sequence, reverse=False):
        h = np.zeros((sequence.shape[1], Wh.shape[0]), dtype=np.float32)
        out = np.zeros((sequence.shape[0], *h.shape), dtype=np.float32)
        steps = reversed(range(len(sequence))) if reverse else range(len(sequence))
        for t in steps:
            h = np.tanh(sequence[t] @ Wx + h @ Wh + b)
            out[t] = h
        return out

    return np.concatenate([run(x), run(x, reverse=True)], axis=-1)


@program(lambda n: _sequence(n, gates=1), 5, 64)
def bidirectional_rnn_of_flips(x, Wx, Wh, b):
    def step(h, xt):
        return np.tanh(xt @ Wx + h @ Wh + b)

    def scan(xs):
        states, h = [], np.zeros((xs.shape[1], Wh.shape[0]), np.float32)
        for xt in xs:
            h = step(h, xt)
            states.append(h)
        return np.array(states)

    forward, backward = scan(x), scan(x[::-1])[::-1]
    return np.concatenate((forward, backward), axis=2), forward[-1] + backward[0]


def _characters(n):
    rng = np.random.default_rng(0)
    vocab, hidden = 20, 24
    shapes = {"Wxh": (hidden, vocab), "Whh": (hidden, hidden), "Why": (vocab, hidden)}
    p = {name: rng.standard_normal(shape) * 0.1 for name, shape in shapes.items()}
    p |= {"bh": np.zeros((hidden, 1)), "by": np.zeros((vocab, 1))}
    text = rng.integers(0, vocab, n + 1)
    return text[:-1].tolist(), text[1:].tolist(), p, {k: np.zeros_like(v) for k, v in p.items()}


@program(_characters, 4, 25)
def character_model_step(inputs, targets, p, memory):
    """One-hot columns, dictionaries by time step, Adagrad."""
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.zeros((p["Whh"].shape[0], 1))
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((p["by"].shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(p["Wxh"], xs[t]) + np.dot(p["Whh"], hs[t - 1]) + p["bh"])
        ys[t] = np.dot(p["Why"], hs[t]) + p["by"]
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        grads["Why"] += np.dot(dy, hs[t].T)
        grads["by"] += dy
        dh = np.dot(p["Why"].T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        grads["bh"] += dhraw
        grads["Wxh"] += np.dot(dhraw, xs[t].T)
        grads["Whh"] += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(p["Whh"].T, dhraw)
    for dparam in grads.values():
        np.clip(dparam, -5, 5, out=dparam)
    for name in p:
        memory[name] += grads[name] * grads[name]
        p[name] += -0.1 * grads[name] / np.sqrt(memory[name] + 1e-8)
    return loss, hs[len(inputs) - 1]


@program(lambda n: _sequence(n, gates=1, inputs=16), 5, 48)
def additive_attention_decoder(x, Wx, Wh, b):
    """Encoder states, and a decoder that attends to them at each step."""
    T, N, D = x.shape
    h = np.zeros((N, Wh.shape[0]), np.float32)
    encoded = np.zeros((N, T, Wh.shape[0]), np.float32)
    for t in range(T):
        h = np.tanh(x[t] @ Wx + h @ Wh + b)
        encoded[:, t] = h
    out, weights = [], []
    for _ in range(6):
        scores = np.sum(np.tanh(encoded + h[:, None, :]), axis=2)
        scores = scores - scores.max(axis=1, keepdims=True)
        a = np.exp(scores)
        a /= a.sum(axis=1, keepdims=True)
        context = (a[:, :, None] * encoded).sum(axis=1)
        h = np.tanh(context @ Wh + h)
        out.append(h)
        weights.append(a)
    return np.stack(out, axis=1), np.asarray(weights)


@program(lambda n: (np.random.default_rng(0).standard_normal((n, 8)).astype(np.float32),), 8, 256)
def selective_state_space(u):
    """A diagonal state space whose steps depend on the input, as in Mamba."""
    rng = np.random.default_rng(1)
    L, D = u.shape
    N = 4
    A = -np.exp(rng.standard_normal((D, N))).astype(np.float32)
    WB, WC = (rng.standard_normal((2, D, N)) * 0.3).astype(np.float32)
    delta = np.log1p(np.exp(u @ np.eye(D, dtype=np.float32) * 0.5))
    B, C = u @ WB, u @ WC
    state = np.zeros((D, N), dtype=np.float32)
    y = np.zeros_like(u)
    for t in range(L):
        dA = np.exp(delta[t][:, None] * A)
        dB = delta[t][:, None] * B[t][None, :]
        state = dA * state + dB * u[t][:, None]
        y[t] = (state * C[t]).sum(axis=-1)
    return y + u, state
