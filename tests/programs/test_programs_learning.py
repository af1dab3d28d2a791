"""Training steps and layers in ordinary NumPy: one piece where no data decides what to do."""

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 5))
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) > 0).astype(float)
LABELS = RNG.integers(0, 3, 20)
IMAGES = RNG.standard_normal((2, 3, 8, 8))
KERNELS = RNG.standard_normal((4, 3, 3, 3)) * 0.1
TOKENS = RNG.standard_normal((2, 6, 8))


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_logistic_regression(check):
    def sigmoid(z):
        return np.where(
            z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z)))
        )

    def train(x, y, rate=0.1):
        w, b = np.zeros(x.shape[1]), 0.0
        losses = []
        for _ in range(10):
            p = sigmoid(x @ w + b)
            losses.append(-np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)))
            error = p - y
            w -= rate * (x.T @ error) / len(y)
            b -= rate * error.mean()
        return w, b, losses, ((x @ w + b > 0) == y).mean()

    one_piece(check(train, (X, Y)))


def test_softmax_regression_with_one_hot_labels(check):
    def step(w, x, labels):
        logits = x @ w
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(labels)), labels]).mean()
        target = np.eye(w.shape[1])[labels]
        return w - 0.5 * x.T @ (p - target) / len(x), loss, p.argmax(axis=1)

    one_piece(check(step, (np.zeros((5, 3)), X, LABELS)))


def test_cross_entropy_by_changing_the_probabilities(check):
    def loss_and_gradient(scores, labels):
        n = scores.shape[0]
        p = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        p /= np.sum(p, axis=1, keepdims=True)
        loss = -np.sum(np.log(p[range(n), labels])) / n
        p[range(n), labels] -= 1
        return loss, p / n

    one_piece(check(loss_and_gradient, (X[:, :3], LABELS)))


def test_perceptron_with_backpropagation(check):
    def init(sizes):
        rng = np.random.default_rng(1)
        return [(rng.standard_normal((a, b)) * 0.1, np.zeros(b)) for a, b in zip(sizes, sizes[1:])]

    def step(layers, x, y, rate):
        activations = [x]
        for i, (w, b) in enumerate(layers):
            z = activations[-1] @ w + b
            activations.append(np.maximum(z, 0) if i < len(layers) - 1 else z)
        delta = 2 * (activations[-1] - y[:, None]) / len(y)
        updated = []
        for i in reversed(range(len(layers))):
            w, b = layers[i]
            gradient = activations[i].T @ delta
            updated.insert(0, (w - rate * gradient, b - rate * delta.sum(axis=0)))
            if i > 0:
                delta = (delta @ w.T) * (activations[i] > 0)
        return updated, ((activations[-1][:, 0] - y) ** 2).mean()

    one_piece(check(step, (init([5, 8, 4, 1]), X, Y, 0.1)))


class Adam:
    """Adam over a dict of arrays, with its moments in dicts."""

    def __init__(self, rate=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.rate, self.beta1, self.beta2, self.eps = rate, beta1, beta2, eps
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        for name, g in grads.items():
            if name not in self.m:
                self.m[name] = np.zeros_like(g)
                self.v[name] = np.zeros_like(g)
            self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * g
            self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * g**2
            m = self.m[name] / (1 - self.beta1**self.t)
            v = self.v[name] / (1 - self.beta2**self.t)
            params[name] -= self.rate * m / (np.sqrt(v) + self.eps)


def test_adam_over_a_dict(check):
    def step(optimiser, params, x, y):
        error = x @ params["w"] + params["b"] - y
        grads = {"w": x.T @ error / len(y), "b": np.array([error.mean()])}
        optimiser.update(params, grads)
        return float((error**2).mean())

    params = {"w": np.zeros(5), "b": np.zeros(1)}
    one_piece(check(step, (Adam(), params, X, Y)))


def test_momentum_over_nested_dicts(check):
    def step(params, velocity, grads, rate, momentum):
        for layer in params:
            for key in params[layer]:
                velocity[layer][key] *= momentum
                velocity[layer][key] -= rate * grads[layer][key]
                params[layer][key] += velocity[layer][key]
        return params

    def tree(value):
        return {"a": {"w": np.full((3, 2), value), "b": np.full(2, value)}, "c": {"w": np.ones(4)}}

    one_piece(check(step, (tree(1.0), tree(0.0), tree(0.5), 0.1, 0.9)))


def test_gradients_are_clipped_by_their_norm(check):
    def clip(grads, limit):
        norm = np.sqrt(sum(np.sum(g**2) for g in grads))
        scale = min(1.0, limit / (norm + 1e-6))
        return [g * scale for g in grads], norm

    check(clip, ([X, Y], 1.0), ([X * 1e-3, Y * 1e-3], 1.0))


def test_lstm_cell_over_a_sequence(check):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def run(xs, wx, wh, b):
        h = np.zeros((xs.shape[1], wh.shape[0]))
        c = np.zeros_like(h)
        outputs = []
        for x in xs:
            i, f, o, g = np.split(x @ wx + h @ wh + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs.append(h)
        return np.stack(outputs), h, c

    rng = np.random.default_rng(2)
    weights = rng.standard_normal((8, 16)) * 0.1, rng.standard_normal((4, 16)) * 0.1, np.zeros(16)
    one_piece(check(run, (TOKENS, *weights)))


def test_gru_cell(check):
    def cell(x, h, p):
        z = 1 / (1 + np.exp(-(x @ p["wz"] + h @ p["uz"] + p["bz"])))
        r = 1 / (1 + np.exp(-(x @ p["wr"] + h @ p["ur"] + p["br"])))
        n = np.tanh(x @ p["wn"] + (r * h) @ p["un"] + p["bn"])
        return (1 - z) * h + z * n

    rng = np.random.default_rng(3)
    p = {f"w{k}": rng.standard_normal((5, 4)) for k in "zrn"}
    p |= {f"u{k}": rng.standard_normal((4, 4)) for k in "zrn"} | {
        f"b{k}": np.zeros(4) for k in "zrn"
    }
    one_piece(check(cell, (X, np.zeros((20, 4)), p)))


def test_convolution_by_columns(check):
    def im2col(x, size, stride, pad):
        n, c, h, w = x.shape
        oh, ow = (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        col = np.zeros((n, c, size, size, oh, ow))
        for i in range(size):
            for j in range(size):
                col[:, :, i, j] = x[
                    :, :, i : i + stride * oh : stride, j : j + stride * ow : stride
                ]
        return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1), oh, ow

    def conv(x, w, b, stride=1, pad=1):
        col, oh, ow = im2col(x, w.shape[2], stride, pad)
        out = col @ w.reshape(len(w), -1).T + b
        return out.reshape(len(x), oh, ow, -1).transpose(0, 3, 1, 2)

    one_piece(check(conv, (IMAGES, KERNELS, np.ones(4))))
    check(conv, (IMAGES, KERNELS, np.ones(4), 2, 0), (IMAGES, KERNELS, np.ones(4), 2, 1))


def test_convolution_by_kernel_offsets(check):
    def conv(x, w):
        n, _, h, width = x.shape
        f, _, kh, kw = w.shape
        out = np.zeros((n, f, h - kh + 1, width - kw + 1))
        for i in range(kh):
            for j in range(kw):
                patch = x[:, :, i : i + out.shape[2], j : j + out.shape[3]]
                out += np.einsum("nchw,fc->nfhw", patch, w[:, :, i, j])
        return np.maximum(out, 0)

    one_piece(check(conv, (IMAGES, KERNELS)))


def test_pooling(check):
    def pool(x, size):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // size, size, w // size, size)
        largest = blocks.max(axis=(3, 5))
        mask = blocks == largest[:, :, :, None, :, None]
        return largest, blocks.mean(axis=(3, 5)), mask.sum()

    one_piece(check(pool, (IMAGES, 2)))


class BatchNorm:
    """Batch normalisation with running statistics."""

    def __init__(self, width):
        self.gamma, self.beta = np.ones(width), np.zeros(width)
        self.mean, self.var, self.momentum, self.training = (
            np.zeros(width),
            np.ones(width),
            0.9,
            True,
        )

    def __call__(self, x):
        if self.training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.mean = self.momentum * self.mean + (1 - self.momentum) * mean
            self.var = self.momentum * self.var + (1 - self.momentum) * var
        else:
            mean, var = self.mean, self.var
        return self.gamma * (x - mean) / np.sqrt(var + 1e-5) + self.beta


def test_batch_normalisation(check):
    def run(norm, x):
        y = norm(x)
        norm.training = False
        return y, norm(x), norm.mean

    one_piece(check(run, (BatchNorm(5), X)))


def test_dropout_with_a_generator(check):
    def dropout(x, rng, rate):
        mask = rng.random(x.shape) >= rate
        return x * mask / (1 - rate), mask.mean()

    one_piece(check(dropout, (X, np.random.default_rng(5), 0.3)))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def test_multi_head_attention_by_reshapes(check):
    def attend(x, wq, wk, wv, wo, heads):
        batch, length, width = x.shape

        def split(y):
            return y.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

        q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(width // heads)
        mask = np.triu(np.ones((length, length), dtype=bool), k=1)
        scores = np.where(mask, -np.inf, scores)
        out = softmax(scores) @ v
        return out.transpose(0, 2, 1, 3).reshape(batch, length, width) @ wo

    rng = np.random.default_rng(4)
    one_piece(check(attend, (TOKENS, *(rng.standard_normal((8, 8)) for _ in range(4)), 2)))


def test_attention_with_masked_scores(check):
    def attend(q, k, v, lengths):
        scores = np.einsum("bid,bjd->bij", q, k) / q.shape[-1] ** 0.5
        valid = np.arange(k.shape[1])[None, :] < lengths[:, None]
        scores[~np.broadcast_to(valid[:, None, :], scores.shape)] = -1e9
        return softmax(scores) @ v

    one_piece(check(attend, (TOKENS, TOKENS * 2, TOKENS, np.array([4, 6]))))


def test_linear_and_windowed_attention(check):
    def run(x, window):
        feature = np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))
        state = np.cumsum(feature[..., :, None] * x[..., None, :], axis=1)
        linear = np.einsum("btd,btde->bte", feature, state)
        distance = np.abs(np.subtract.outer(np.arange(x.shape[1]), np.arange(x.shape[1])))
        scores = np.where(distance <= window, x @ np.swapaxes(x, 1, 2), -1e9)
        return linear, softmax(scores) @ x

    one_piece(check(run, (TOKENS, 2)))


def test_rotary_positions(check):
    def rotate(x, base=10000.0):
        length, width = x.shape[-2:]
        frequency = base ** (-np.arange(0, width, 2) / width)
        angle = np.outer(np.arange(length), frequency)
        even, odd = x[..., ::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., ::2] = even * np.cos(angle) - odd * np.sin(angle)
        out[..., 1::2] = even * np.sin(angle) + odd * np.cos(angle)
        return out

    one_piece(check(rotate, (TOKENS,)))


def test_routing_among_experts(check):
    def route(x, gate, experts, top):
        logits = x @ gate
        chosen = np.argsort(-logits, axis=1)[:, :top]
        weights = softmax(np.take_along_axis(logits, chosen, axis=1))
        out = np.zeros((len(x), experts[0].shape[1]))
        for e, w in enumerate(experts):
            tokens, slot = np.where(chosen == e)
            out[tokens] += weights[tokens, slot][:, None] * np.tanh(x[tokens] @ w)
        return out, np.bincount(chosen.ravel(), minlength=len(experts))

    rng = np.random.default_rng(6)
    experts = [rng.standard_normal((5, 4)) for _ in range(3)]
    one_piece(check(route, (X, rng.standard_normal((5, 3)), experts, 2)))


def test_embedding_gradient(check):
    def step(table, tokens, targets):
        rows = table[tokens]
        error = rows - targets
        gradient = np.zeros_like(table)
        np.add.at(gradient, tokens, error)
        table -= 0.1 * gradient
        return (error**2).sum()

    tokens = np.array([0, 2, 2, 1])
    one_piece(check(step, (X[:4].copy(), tokens, np.ones((4, 5)))))


def test_layer_norm_and_gelu_block(check):
    def norm(x, g, b):
        mu = x.mean(-1, keepdims=True)
        return g * (x - mu) / np.sqrt(((x - mu) ** 2).mean(-1, keepdims=True) + 1e-5) + b

    def block(x, w1, w2, g, b):
        h = norm(x, g, b) @ w1
        h = 0.5 * h * (1 + np.tanh(0.79788456 * (h + 0.044715 * np.power(h, 3))))
        return x + h @ w2

    rng = np.random.default_rng(7)
    args = (
        TOKENS,
        rng.standard_normal((8, 16)),
        rng.standard_normal((16, 8)),
        np.ones(8),
        np.zeros(8),
    )
    one_piece(check(block, tuple(a.astype(np.float32) for a in args)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_dtypes_are_kept(check, kind):
    def f(x):
        y = x / x.shape[0] * 2 + 1e-3
        return np.mean(y), y.std(axis=0), np.linalg.norm(y), softmax(y), np.log1p(np.abs(y)).sum()

    one_piece(check(f, (X.astype(kind),)))
