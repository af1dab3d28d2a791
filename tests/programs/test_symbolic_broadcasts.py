"""Extents that are expressions and turn out to be 1 are repeated like any other axis of extent 1."""

import numpy as np
import pytest


def element_wise(x, y):
    return x + y[1:], np.maximum(y[1:], x), -x * y[1:][None]


def chosen(x, y):
    tail = y[1:]
    return np.where(tail > -1, x, tail), np.where(x > 0, tail, x), np.clip(x, tail, tail + 1)


def assigned(x, y):
    z, w = x.copy(), np.ones((3, len(x)))
    z[...] = y[1:]
    w[:] = y[1:]
    w[1, :] += y[1:]
    np.copyto(x, y[1:])
    np.copyto(x, 7, where=y[1:] > 100)
    return z, w, x


def masked(x, y):
    out = np.zeros_like(x)
    np.add(x, y[1:], out=out, where=y[1:] > 0)
    return out, np.sum(x, where=y[1:] > 0), np.sum(x, where=x > y[1:])


def indexed(x, y):
    rows = np.arange(len(x) * 2).reshape(len(x), 2)
    return rows[np.arange(len(x)), y[1:].astype(int) * 0], np.take(x, y[1:].astype(int) * 0)


def shaped(x, y):
    wide = np.broadcast_to(y[1:], x.shape)
    pair = np.broadcast_arrays(x, y[1:])
    return wide, pair[1], np.stack([x, wide]), np.outer(x, y[1:])


def multiplied(x, y):
    a, b = np.ones((len(y) - 1, 2, 3)), np.ones((len(x), 3, 2))
    column = y[1:].reshape(-1, 1)
    return a @ b, column * x, np.einsum("ij,j->i", column @ x[None], x)


PROGRAMS = (element_wise, chosen, assigned, masked, indexed, shaped, multiplied)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_symbolic_extent_that_is_one(check, program):
    x = np.array([0.5, -1.0, 2.0, 3.0])
    y = np.array([9.0, 1.0, 2.0, 3.0, 4.0])
    check(program, (x, y), (x[:3], y[:4]), (x[:2], y[:2]), (x, y[:2]), (x[:1], y[:2]), (x, y))
