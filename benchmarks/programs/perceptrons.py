"""Classifiers and perceptrons with gradients written by hand."""

import numpy as np

from benchmarks.programs.registry import program


def _points(n):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 12)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] ** 2 > 1).astype(np.float32)


def _digits(n):
    rng = np.random.default_rng(1)
    x = rng.random((n, 64)).astype(np.float32)
    return x, rng.integers(0, 10, n)


class LogisticRegression:
    """In the manner of scikit-learn."""

    def __init__(self, lr=0.1, n_iters=20, lambda_=0.01):
        self.lr = lr
        self.n_iters = n_iters
        self.lambda_ = lambda_
        self.weights = None
        self.bias = None
        self.costs = []

    def _sigmoid(self, z):
        return 1 / (1 + np.exp(-np.clip(z, -500, 500)))

    def fit(self, X, y):
        n_samples, n_features = X.shape
        self.weights = np.zeros(n_features)
        self.bias = 0
        for _ in range(self.n_iters):
            linear = np.dot(X, self.weights) + self.bias
            y_pred = self._sigmoid(linear)
            dw = (1 / n_samples) * np.dot(X.T, (y_pred - y)) + self.lambda_ * self.weights
            db = (1 / n_samples) * np.sum(y_pred - y)
            self.weights -= self.lr * dw
            self.bias -= self.lr * db
            cost = -np.mean(y * np.log(y_pred + 1e-8) + (1 - y) * np.log(1 - y_pred + 1e-8))
            self.costs.append(cost)
        return self

    def predict(self, X):
        return np.where(self._sigmoid(X @ self.weights + self.bias) > 0.5, 1, 0)


@program(_points, 20, 4000)
def fit_logistic_regression(X, y):
    model = LogisticRegression()
    model.fit(X, y)
    return model.predict(X), model.costs, model.weights


@program(_digits, 20, 512)
def softmax_regression_steps(x, labels):
    W = np.zeros((x.shape[1], 10), dtype=np.float32)
    b = np.zeros(10, dtype=np.float32)
    for step in range(1, 11):
        z = x @ W + b
        z -= np.max(z, axis=1, keepdims=True)
        p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
        p[np.arange(x.shape[0]), labels] -= 1.0
        p /= x.shape[0]
        W -= 0.5 / step * (x.T @ p + 1e-4 * W)
        b -= 0.5 / step * p.sum(0)
    return W, b


def initialize(sizes, seed=3):
    rng = np.random.default_rng(seed)
    params = {}
    for l in range(1, len(sizes)):
        scale = np.sqrt(2.0 / sizes[l - 1])
        params["W" + str(l)] = (rng.standard_normal((sizes[l - 1], sizes[l])) * scale).astype("f4")
        params["b" + str(l)] = np.zeros((1, sizes[l]), dtype=np.float32)
    return params


def forward(params, x):
    caches = {"A0": x}
    L = len(params) // 2
    a = x
    for l in range(1, L + 1):
        z = np.dot(a, params[f"W{l}"]) + params[f"b{l}"]
        a = np.maximum(0, z) if l < L else z
        caches[f"Z{l}"], caches[f"A{l}"] = z, a
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), caches


def backward(params, caches, probs, y):
    grads = {}
    m = y.shape[0]
    L = len(params) // 2
    one_hot = np.zeros_like(probs)
    one_hot[np.arange(m), y] = 1
    dz = (probs - one_hot) / m
    for l in range(L, 0, -1):
        grads[f"dW{l}"] = caches[f"A{l - 1}"].T @ dz
        grads[f"db{l}"] = np.sum(dz, axis=0, keepdims=True)
        if l > 1:
            dz = (dz @ params[f"W{l}"].T) * (caches[f"Z{l - 1}"] > 0)
    return grads


def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    state["t"] += 1
    for k in params:
        g = grads["d" + k]
        state["m"][k] = beta1 * state["m"][k] + (1 - beta1) * g
        state["v"][k] = beta2 * state["v"][k] + (1 - beta2) * np.square(g)
        m_hat = state["m"][k] / (1 - beta1 ** state["t"])
        v_hat = state["v"][k] / (1 - beta2 ** state["t"])
        params[k] = params[k] - lr * m_hat / (np.sqrt(v_hat) + eps)


def _mlp(n):
    params = initialize([64, 128, 64, 10])
    state = {"m": {k: np.zeros_like(v) for k, v in params.items()}, "t": 0}
    state["v"] = {k: np.zeros_like(v) for k, v in params.items()}
    return (*_digits(n), params, state)


@program(_mlp, 16, 128)
def perceptron_with_adam(x, y, params, state):
    losses = []
    for _ in range(3):
        probs, caches = forward(params, x)
        losses.append(-np.mean(np.log(probs[np.arange(len(y)), y] + 1e-9)))
        adam_update(params, backward(params, caches, probs, y), state)
    return losses, params, state["t"]


class Layer:
    """What all layers have."""

    training = True

    def parameters(self):
        return []

    def gradients(self):
        return []


class Linear(Layer):
    def __init__(self, n_in, n_out, rng):
        self.W = (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(np.float32)
        self.b = np.zeros(n_out, dtype=np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def parameters(self):
        return [self.W, self.b]

    def gradients(self):
        return [self.dW, self.db]


class ReLU(Layer):
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class LeakyReLU(Layer):
    def __init__(self, slope=0.01):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, grad):
        dx = np.ones_like(self.x)
        dx[self.x < 0] = self.slope
        return grad * dx


class Tanh(Layer):
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out**2)


class Dropout(Layer):
    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        self.mask = (self.rng.random(x.shape) > self.p) / (1 - self.p)
        return (x * self.mask).astype(x.dtype)

    def backward(self, grad):
        return (grad * self.mask).astype(grad.dtype)


class BatchNorm(Layer):
    def __init__(self, n, momentum=0.9, eps=1e-5):
        self.gamma, self.beta = np.ones(n, np.float32), np.zeros(n, np.float32)
        self.running_mean, self.running_var = np.zeros(n, np.float32), np.ones(n, np.float32)
        self.momentum, self.eps = momentum, eps

    def forward(self, x):
        if self.training:
            mu, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.x_hat = (x - mu) / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, grad):
        m = grad.shape[0]
        self.dgamma = np.sum(grad * self.x_hat, axis=0)
        self.dbeta = np.sum(grad, axis=0)
        dx_hat = grad * self.gamma
        total = m * dx_hat - dx_hat.sum(axis=0) - self.x_hat * (dx_hat * self.x_hat).sum(axis=0)
        return total / (m * self.std)

    def parameters(self):
        return [self.gamma, self.beta]

    def gradients(self):
        return [self.dgamma, self.dbeta]


class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def params_and_grads(self):
        for layer in self.layers:
            yield from zip(layer.parameters(), layer.gradients())


class CrossEntropy:
    def __call__(self, logits, y):
        shifted = logits - logits.max(axis=1, keepdims=True)
        self.log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.y = y
        return -self.log_p[np.arange(y.size), y].mean()

    def backward(self):
        grad = np.exp(self.log_p)
        grad[np.arange(self.y.size), self.y] -= 1
        return grad / self.y.size


class Momentum:
    def __init__(self, lr, momentum=0.9):
        self.lr, self.momentum, self.velocity = lr, momentum, {}

    def step(self, model):
        for i, (param, grad) in enumerate(model.params_and_grads()):
            if i not in self.velocity:
                self.velocity[i] = np.zeros_like(param)
            self.velocity[i] = self.momentum * self.velocity[i] - self.lr * grad
            param += self.velocity[i]


def _network(n):
    rng = np.random.default_rng(5)
    model = Sequential(
        Linear(64, 96, rng), BatchNorm(96), ReLU(), Dropout(0.2, rng), Linear(96, 48, rng),
        LeakyReLU(), Linear(48, 24, rng), Tanh(), Linear(24, 10, rng),
    )  # fmt: skip
    return (*_digits(n), model, Momentum(0.05))


@program(_network, 16, 256)
def train_layers(x, y, model, optimizer):
    criterion = CrossEntropy()
    history = []
    for epoch in range(3):
        loss = criterion(model(x), y)
        model.backward(criterion.backward())
        optimizer.step(model)
        history.append(loss)
    for layer in model.layers:
        layer.training = False
    predictions = np.argmax(model(x), axis=1)
    return history, np.mean(predictions == y)


@program(lambda n: (np.random.default_rng(2).random((n, 2)), 4), 12, 64)
def xor_from_scratch(X, hidden):
    """One sample after the other, as in many a first tutorial."""
    rng = np.random.default_rng(0)
    y = ((X[:, 0] > 0.5) ^ (X[:, 1] > 0.5)).astype(float)
    w1, w2 = rng.normal(size=(2, hidden)), rng.normal(size=(hidden, 1))
    b1, b2 = np.zeros((1, hidden)), np.zeros((1, 1))
    error = 0.0
    for epoch in range(10):
        error = 0.0
        for i in range(len(X)):
            xi, yi = X[i : i + 1], y[i]
            h = 1 / (1 + np.exp(-(xi @ w1 + b1)))
            out = 1 / (1 + np.exp(-(h @ w2 + b2)))
            error += ((yi - out) ** 2).item()
            d_out = (out - yi) * out * (1 - out)
            d_h = d_out @ w2.T * h * (1 - h)
            w2 -= 0.5 * h.T @ d_out
            b2 -= 0.5 * d_out
            w1 -= 0.5 * xi.T @ d_h
            b1 -= 0.5 * d_h
    return w1, b1, w2, b2, error
