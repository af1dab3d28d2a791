"""Convolution networks: each author's way to a window."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from benchmarks.programs.registry import program


def _nchw(n, channels=3, filters=8, k=3):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, channels, n, n)).astype(np.float32)
    w = (rng.standard_normal((filters, channels, k, k)) * 0.2).astype(np.float32)
    return x, w, np.zeros(filters, dtype=np.float32)


def get_im2col_indices(x_shape, field_height, field_width, padding, stride):
    N, C, H, W = x_shape
    out_height = (H + 2 * padding - field_height) // stride + 1
    out_width = (W + 2 * padding - field_width) // stride + 1
    i0 = np.repeat(np.arange(field_height), field_width)
    i0 = np.tile(i0, C)
    i1 = stride * np.repeat(np.arange(out_height), out_width)
    j0 = np.tile(np.arange(field_width), field_height * C)
    j1 = stride * np.tile(np.arange(out_width), out_height)
    i = i0.reshape(-1, 1) + i1.reshape(1, -1)
    j = j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), field_height * field_width).reshape(-1, 1)
    return k, i, j


@program(_nchw, 8, 32)
def convolution_by_indices(x, w, b):
    """Forward and backward with index arrays and `np.add.at`."""
    padding, stride = 1, 1
    n_filters, C, h_filter, w_filter = w.shape
    N, _, H, W = x.shape
    p = padding
    x_padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="constant")
    k, i, j = get_im2col_indices(x.shape, h_filter, w_filter, padding, stride)
    cols = x_padded[:, k, i, j]
    x_col = cols.transpose(1, 2, 0).reshape(h_filter * w_filter * C, -1)
    out = w.reshape(n_filters, -1) @ x_col + b[:, None]
    out = out.reshape(n_filters, H, W, N).transpose(3, 0, 1, 2)
    dout = np.maximum(out, 0)
    db = np.sum(dout, axis=(0, 2, 3))
    dout_reshaped = dout.transpose(1, 2, 3, 0).reshape(n_filters, -1)
    dw = (dout_reshaped @ x_col.T).reshape(w.shape)
    dx_col = w.reshape(n_filters, -1).T @ dout_reshaped
    dx_padded = np.zeros((N, C, H + 2 * p, W + 2 * p), dtype=x.dtype)
    dcols = dx_col.reshape(C * h_filter * w_filter, -1, N).transpose(2, 0, 1)
    np.add.at(dx_padded, (slice(None), k, i, j), dcols)
    return out, dx_padded[:, :, p:-p, p:-p], dw, db


@program(_nchw, 8, 32)
def convolution_by_strides(x, w, b):
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    oh, ow = H - KH + 1, W - KW + 1
    s0, s1, s2, s3 = x.strides
    windows = as_strided(x, shape=(N, C, oh, ow, KH, KW), strides=(s0, s1, s2, s3, s2, s3))
    out = np.tensordot(windows, w, axes=((1, 4, 5), (1, 2, 3)))
    return out.transpose(0, 3, 1, 2) + b[None, :, None, None]


@program(_nchw, 8, 32)
def convolution_by_sliding_windows(x, w, b):
    KH, KW = w.shape[2:]
    windows = sliding_window_view(x, (KH, KW), axis=(2, 3))
    out = np.einsum("nchwkl,fckl->nfhw", windows, w, optimize=True)
    out += b.reshape(1, -1, 1, 1)
    return np.maximum(out, 0)


@program(_nchw, 8, 32)
def convolution_by_kernel_positions(x, w, b):
    """The input is shifted, not the kernel; forward and both gradients."""
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (KH // 2, KH // 2), (KW // 2, KW // 2)))
    out = np.zeros((N, F, H, W), dtype=x.dtype)
    for i in range(KH):
        for j in range(KW):
            patch = xp[:, :, i : i + H, j : j + W]
            out += np.einsum("nchw,fc->nfhw", patch, w[:, :, i, j])
    out += b[:, None, None]
    dw = np.zeros_like(w)
    dxp = np.zeros_like(xp)
    for i in range(KH):
        for j in range(KW):
            dw[:, :, i, j] = np.tensordot(
                out, xp[:, :, i : i + H, j : j + W], ([0, 2, 3], [0, 2, 3])
            )
            dxp[:, :, i : i + H, j : j + W] += np.einsum("nfhw,fc->nchw", out, w[:, :, i, j])
    return out, dw, dxp[:, :, 1:-1, 1:-1]


@program(_nchw, 6, 12)
def convolution_by_output_positions(x, w, b):
    """Four loops, as in a course's first exercise."""
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    stride, pad = 2, 1
    x_pad = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant")
    H_out, W_out = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, H_out, W_out), dtype=x.dtype)
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    hs, ws = i * stride, j * stride
                    out[n, f, i, j] = np.sum(x_pad[n, :, hs : hs + HH, ws : ws + WW] * w[f]) + b[f]
    return out


@program(_nchw, 6, 12)
def convolution_backward_by_positions(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    dout = np.ones((N, F, H - HH + 1, W - WW + 1), dtype=x.dtype)
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            db[f] += dout[n, f].sum()
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    dw[f] += x[n, :, i : i + HH, j : j + WW] * dout[n, f, i, j]
                    dx[n, :, i : i + HH, j : j + WW] += w[f] * dout[n, f, i, j]
    return dx, dw, db


def _maps(n):
    return (np.random.default_rng(0).standard_normal((4, 8, n, n)).astype(np.float32),)


@program(_maps, 6, 32)
def pooling_by_reshape(x):
    """Forward and backward, ties shared."""
    N, C, H, W = x.shape
    xr = x.reshape(N, C, H // 2, 2, W // 2, 2)
    out = xr.max(axis=3).max(axis=4)
    dxr = np.zeros_like(xr)
    mask = xr == out[:, :, :, np.newaxis, :, np.newaxis]
    dout_b, _ = np.broadcast_arrays(out[:, :, :, np.newaxis, :, np.newaxis], dxr)
    dxr[mask] = dout_b[mask]
    dxr /= np.sum(mask, axis=(3, 5), keepdims=True)
    return out, dxr.reshape(x.shape)


@program(_maps, 6, 16)
def pooling_by_loops(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2), dtype=x.dtype)
    for i in range(H // 2):
        for j in range(W // 2):
            window = x[:, :, i * 2 : i * 2 + 2, j * 2 : j * 2 + 2]
            out[:, :, i, j] = np.amax(window, axis=(2, 3))
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(H // 2):
                for j in range(W // 2):
                    window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    r, s = np.unravel_index(np.argmax(window), window.shape)
                    dx[n, c, 2 * i + r, 2 * j + s] += out[n, c, i, j]
    return out, dx


@program(_maps, 6, 32)
def pooling_by_strides(x):
    N, C, H, W = x.shape
    k, s = 3, 2
    oh, ow = (H - k) // s + 1, (W - k) // s + 1
    sn, sc, sh, sw = x.strides
    view = as_strided(x, (N, C, oh, ow, k, k), (sn, sc, sh * s, sw * s, sh, sw))
    return view.max(axis=(4, 5)), view.mean(axis=(-2, -1))


@program(_maps, 6, 32)
def batch_norm_on_maps(x):
    """Forward with running statistics, and the backward pass."""
    N, C, H, W = x.shape
    gamma, beta = np.ones((1, C, 1, 1), np.float32), np.zeros((1, C, 1, 1), np.float32)
    running = {"mean": np.zeros((1, C, 1, 1), np.float32), "var": np.ones((1, C, 1, 1), np.float32)}
    mean = np.mean(x, axis=(0, 2, 3), keepdims=True)
    var = np.var(x, axis=(0, 2, 3), keepdims=True)
    for name, value in (("mean", mean), ("var", var)):
        running[name] = 0.9 * running[name] + 0.1 * value
    inv = 1.0 / np.sqrt(var + 1e-5)
    xhat = (x - mean) * inv
    out = gamma * xhat + beta
    m = N * H * W
    dxhat = out * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * inv**3, axis=(0, 2, 3), keepdims=True)
    dmean = np.sum(-dxhat * inv, axis=(0, 2, 3), keepdims=True)
    dmean += dvar * np.mean(-2.0 * (x - mean), axis=(0, 2, 3), keepdims=True)
    dx = dxhat * inv + dvar * 2.0 * (x - mean) / m + dmean / m
    return out, dx, running


def im2col(x, kh, kw, stride=1, pad=0):
    N, C, H, W = x.shape
    out_h = (H + 2 * pad - kh) // stride + 1
    out_w = (W + 2 * pad - kw) // stride + 1
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant")
    col = np.zeros((N, C, kh, kw, out_h, out_w), dtype=x.dtype)
    for y in range(kh):
        y_max = y + stride * out_h
        for xx in range(kw):
            x_max = xx + stride * out_w
            col[:, :, y, xx, :, :] = img[:, :, y:y_max:stride, xx:x_max:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * out_h * out_w, -1)


def col2im(col, input_shape, kh, kw, stride=1, pad=0):
    N, C, H, W = input_shape
    out_h = (H + 2 * pad - kh) // stride + 1
    out_w = (W + 2 * pad - kw) // stride + 1
    col = col.reshape(N, out_h, out_w, C, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    shape = (N, C, H + 2 * pad + stride - 1, W + 2 * pad + stride - 1)
    img = np.zeros(shape, dtype=col.dtype)
    for y in range(kh):
        for x in range(kw):
            img[:, :, y : y + stride * out_h : stride, x : x + stride * out_w : stride] += col[
                :, :, y, x, :, :
            ]
    return img[:, :, pad : H + pad, pad : W + pad]


class Convolution:
    """Layer with a cache, by `im2col`."""

    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.x = self.col = self.col_W = None

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        out_h = 1 + int((H + 2 * self.pad - FH) / self.stride)
        out_w = 1 + int((W + 2 * self.pad - FW) / self.stride)
        col = im2col(x, FH, FW, self.stride, self.pad)
        col_W = self.W.reshape(FN, -1).T
        out = np.dot(col, col_W) + self.b
        out = out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)
        self.x, self.col, self.col_W = x, col, col_W
        return out

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout)
        self.dW = self.dW.transpose(1, 0).reshape(FN, C, FH, FW)
        dcol = np.dot(dout, self.col_W.T)
        return col2im(dcol, self.x.shape, FH, FW, self.stride, self.pad)


class Pooling:
    def __init__(self, pool_h=2, pool_w=2, stride=2):
        self.pool_h, self.pool_w, self.stride = pool_h, pool_w, stride

    def forward(self, x):
        N, C, H, W = x.shape
        out_h = int(1 + (H - self.pool_h) / self.stride)
        out_w = int(1 + (W - self.pool_w) / self.stride)
        col = im2col(x, self.pool_h, self.pool_w, self.stride)
        col = col.reshape(-1, self.pool_h * self.pool_w)
        self.arg_max = np.argmax(col, axis=1)
        self.x = x
        out = np.max(col, axis=1)
        return out.reshape(N, out_h, out_w, C).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        pool_size = self.pool_h * self.pool_w
        dmax = np.zeros((dout.size, pool_size), dtype=dout.dtype)
        dmax[np.arange(self.arg_max.size), self.arg_max.flatten()] = dout.flatten()
        dmax = dmax.reshape(dout.shape + (pool_size,))
        dcol = dmax.reshape(dmax.shape[0] * dmax.shape[1] * dmax.shape[2], -1)
        return col2im(dcol, self.x.shape, self.pool_h, self.pool_w, self.stride, 0)


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.original_x_shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx.reshape(*self.original_x_shape)


def _lenet(n):
    rng = np.random.default_rng(0)

    def weights(*shape):
        fan = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        return (rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)

    def zeros(k):
        return np.zeros(k, dtype=np.float32)

    after = ((16 - 2) // 2 - 2) // 2  # a side of the map behind two convolutions and poolings
    layers = [
        Convolution(weights(6, 1, 3, 3), zeros(6)), Relu(), Pooling(),
        Convolution(weights(16, 6, 3, 3), zeros(16)), Relu(), Pooling(),
        Affine(weights(16 * after * after, 32), zeros(32)), Relu(), Affine(weights(32, 10), zeros(10)),
    ]  # fmt: skip
    return rng.random((n, 1, 16, 16), dtype=np.float32), rng.integers(0, 10, n), layers


@program(_lenet, 3, 32)
def train_lenet(x, t, layers):
    losses = []
    for _ in range(2):
        h = x
        for layer in layers:
            h = layer.forward(h)
        h = h - np.max(h, axis=-1, keepdims=True)
        y = np.exp(h) / np.sum(np.exp(h), axis=-1, keepdims=True)
        batch_size = y.shape[0]
        losses.append(-np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size)
        dout = y.copy()
        dout[np.arange(batch_size), t] -= 1
        dout = dout / batch_size
        for layer in reversed(layers):
            dout = layer.backward(dout)
        for layer in layers:
            if hasattr(layer, "W"):
                layer.W -= 0.1 * layer.dW
                layer.b -= 0.1 * layer.db
    return losses, [layer.W for layer in layers if hasattr(layer, "W")]


def conv2d(x, w, stride=1):
    """Channels last, same padding."""
    k = w.shape[0]
    p = k // 2
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    windows = sliding_window_view(x, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    n, oh, ow = windows.shape[:3]
    cols = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * oh * ow, -1)
    return (cols @ w.reshape(-1, w.shape[-1])).reshape(n, oh, ow, -1)


def normalize(x, p):
    return (x - p["mean"]) / np.sqrt(p["var"] + 1e-5) * p["scale"] + p["shift"]


def _resnet(n):
    rng = np.random.default_rng(0)

    def norm(c):
        return {
            "mean": rng.standard_normal(c).astype("f4"), "var": rng.random(c, dtype=np.float32) + 1,
            "scale": np.ones(c, "f4"), "shift": np.zeros(c, "f4"),
        }  # fmt: skip

    blocks = []
    for c_in, c_out, stride in [(8, 8, 1), (8, 16, 2), (16, 16, 1)]:
        block = {
            "conv1": (rng.standard_normal((3, 3, c_in, c_out)) * 0.1).astype("f4"),
            "norm1": norm(c_out),
            "conv2": (rng.standard_normal((3, 3, c_out, c_out)) * 0.1).astype("f4"),
            "norm2": norm(c_out),
            "stride": stride,
        }
        if stride != 1:
            block["shortcut"] = (rng.standard_normal((1, 1, c_in, c_out)) * 0.1).astype("f4")
        blocks.append(block)
    return rng.random((2, n, n, 8), dtype=np.float32), blocks


@program(_resnet, 6, 32)
def residual_blocks(x, blocks):
    for p in blocks:
        h = np.maximum(normalize(conv2d(x, p["conv1"], p["stride"]), p["norm1"]), 0)
        h = normalize(conv2d(h, p["conv2"]), p["norm2"])
        if "shortcut" in p:
            x = conv2d(x, p["shortcut"], p["stride"])
        x = np.maximum(h + x, 0)
    return x.mean(axis=(1, 2))


def _unet(n):
    rng = np.random.default_rng(0)

    def kernel(k, a, b):
        return (rng.standard_normal((k, k, a, b)) / np.sqrt(k * k * a)).astype(np.float32)

    weights = {
        "down1": kernel(3, 3, 8), "down2": kernel(3, 8, 16), "middle": kernel(3, 16, 16),
        "up2": kernel(3, 32, 8), "up1": kernel(3, 16, 8), "head": kernel(1, 8, 1),
    }  # fmt: skip
    return rng.random((1, n, n, 3), dtype=np.float32), weights


@program(_unet, 8, 32)
def small_unet(x, w):
    def block(x, kernel):
        return np.maximum(conv2d(x, kernel), 0)

    def pool(x):
        n, h, wd, c = x.shape
        return x.reshape(n, h // 2, 2, wd // 2, 2, c).max(axis=(2, 4))

    def upsample(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    d1 = block(x, w["down1"])
    d2 = block(pool(d1), w["down2"])
    middle = block(pool(d2), w["middle"])
    u2 = block(np.concatenate([upsample(middle), d2], axis=-1), w["up2"])
    u1 = block(np.concatenate([upsample(u2), d1], axis=-1), w["up1"])
    return 1 / (1 + np.exp(-conv2d(u1, w["head"])))


@program(_nchw, 5, 16)
def transposed_convolution(x, w, b):
    """Scatter of each input element over its window, stride 2."""
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    stride = 2
    out = np.zeros((N, F, (H - 1) * stride + K, (W - 1) * stride + K), dtype=x.dtype)
    for i in range(H):
        for j in range(W):
            patch = np.tensordot(x[:, :, i, j], w, axes=([1], [1]))
            out[:, :, i * stride : i * stride + K, j * stride : j * stride + K] += patch
    return out + b.reshape(1, F, 1, 1)


@program(_nchw, 6, 24)
def depthwise_separable_convolution(x, w, b):
    N, C, H, W = x.shape
    depth = w[:C, 0]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    mixed = sum(
        padded[:, :, i : i + H, j : j + W] * depth[None, :, i, j, None, None]
        for i in range(3)
        for j in range(3)
    )
    point = w[:, :, 1, 1]
    out = np.matmul(point, mixed.reshape(N, C, -1)).reshape(N, -1, H, W)
    return out / (1 + np.exp(-out)) + b[:, None, None]


@program(lambda n: (np.random.default_rng(0).standard_normal((3, n)).astype(np.float32),), 12, 2000)
def dilated_causal_convolution(x):
    """WaveNet's stack on (channels, time)."""
    rng = np.random.default_rng(1)
    skip = 0
    for layer in range(4):
        dilation = 2**layer
        wf = rng.standard_normal((2, 3, 3)).astype(np.float32) * 0.3
        wg = rng.standard_normal((2, 3, 3)).astype(np.float32) * 0.3
        past = np.concatenate([np.zeros((3, dilation), np.float32), x[:, :-dilation]], axis=1)
        f = np.tanh(wf[0] @ x + wf[1] @ past)
        g = 1 / (1 + np.exp(-(wg[0] @ x + wg[1] @ past)))
        z = f * g
        x = x + z
        skip = skip + z
    return np.maximum(skip, 0), x
