"""Softmax regression on handwritten digits, with gradients written by hand.

Uses scikit-learn's bundled 8x8 digits, or MNIST in IDX files where a folder is given.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np


def load(folder: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images as float32 rows in [0, 1], and integer labels."""
    if folder is None:
        from sklearn.datasets import load_digits

        data = load_digits()
        return (data.data / 16.0).astype(np.float32), data.target.astype(np.int64)
    images = read_idx(_find(folder, "train-images"))
    labels = read_idx(_find(folder, "train-labels"))
    return (images.reshape(len(images), -1) / 255.0).astype(np.float32), labels.astype(np.int64)


def _find(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}*"))
    if not found:
        raise FileNotFoundError(f"no file {stem}* in {folder}")
    return found[0]


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes (``.gz`` too); the format of MNIST, by Y. LeCun."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if zero or kind != 8:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def one_hot(labels, classes: int):
    """Float32 rows with a one at the label."""
    return np.eye(classes, dtype=np.float32)[labels]


def step(w, b, x, y, rate: float):
    """One step of gradient descent on the cross-entropy; returns new w, b and the loss."""
    logits = x @ w + b
    logits = logits - logits.max(axis=1, keepdims=True)
    exp = np.exp(logits)
    p = exp / exp.sum(axis=1, keepdims=True)
    loss = -np.sum(y * np.log(p + 1e-12)) / x.shape[0]
    error = (p - y) / x.shape[0]
    return w - rate * (x.T @ error), b - rate * error.sum(axis=0), loss


def train(step_function, x, y, *, epochs: int, batch: int = 100, rate: float = 0.5):
    """Minibatch gradient descent; returns w, b and the loss of every step."""
    w = np.zeros_like(x, shape=(x.shape[1], y.shape[1]))
    b = np.zeros_like(x, shape=y.shape[1])
    losses = []
    for _ in range(epochs):
        for start in range(0, len(x) - batch + 1, batch):
            part = slice(start, start + batch)
            w, b, loss = step_function(w, b, x[part], y[part], rate)
            losses.append(float(loss))
    return w, b, losses


def accuracy(w, b, x, labels) -> float:
    """Share of right answers."""
    return float(np.mean(np.argmax(x @ w + b, axis=1) == labels))
