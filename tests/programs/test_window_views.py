"""Windows by `sliding_window_view` and `as_strided`: read where the array lies."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

X = np.random.default_rng(0).standard_normal((6, 8))


def one_piece(report):
    """Each call ran whole."""
    assert (report.pieces, report.breaks) == (1 + report.recompiles, 0), str(report)


def test_moving_averages_and_maxima(check):
    def f(x):
        windows = sliding_window_view(x[0], 3)
        patches = sliding_window_view(x, (2, 3))
        return windows.mean(axis=-1), patches.max(axis=(2, 3)), patches[::2, ::2].sum((-2, -1))

    one_piece(check(f, (X,), (X[::-1, ::2],), (X[:4, :5].copy(),), (X[:3, :7].copy(),)))


def test_axes_of_windows(check):
    def f(x):
        return (
            sliding_window_view(x, 4, axis=1).sum(axis=2),
            sliding_window_view(x, (2, 2), axis=(1, 0)) * 2,
            sliding_window_view(x, (2, 3), axis=(1, 1)).std(axis=(2, 3)),
        )

    one_piece(check(f, (X,), (X.T,)))


def test_what_was_expensive_is_computed_once(check):
    def f(x):
        y = np.exp(np.sin(x) * x)
        return sliding_window_view(y, (3, 3)).reshape(-1, 9) @ np.arange(9.0)

    one_piece(check(f, (X,)))


def test_strided_patches(check):
    def f(x):
        h, w = x.shape
        rows, columns = x.strides
        blocks = as_strided(x, (h // 2, w // 2, 2, 2), (2 * rows, 2 * columns, rows, columns))
        repeated = as_strided(x[0], (3, w), (0, columns))
        return blocks.max(axis=(2, 3)), blocks.transpose(0, 2, 1, 3).sum(), repeated + x[:3]

    one_piece(check(f, (X,), (X[:4, :4].copy(),)))


def test_a_view_is_returned_and_sees_writes(check):
    def f(x):
        view = sliding_window_view(x, 3, axis=1)
        blocks = as_strided(x, (3, 8), (2 * x.strides[0], x.strides[1]))
        before = view.sum()
        x[0] = 7.0
        return view, blocks, before, view.sum(), view.base is None, blocks.flags.writeable

    check(f, (X.copy(),))


def test_writes_through_windows(check):
    def f(x):
        as_strided(x, (3, 8), (2 * x.strides[0], x.strides[1]))[:] = 1.0
        as_strided(x[0], (6, 3), (x.strides[1], x.strides[1]))[2] += 5.0
        return x.sum()

    check(f, (X.copy(),))


def test_strides_that_leave_an_axis(check):
    def f(x):
        y = x.copy()
        return as_strided(y, (4, 9), (64, 8)).sum(), as_strided(y[::-1], (2, 2), (-64, 8)) + 1

    check(f, (X,))


def test_windows_that_do_not_fit(check):
    def large(x):
        return sliding_window_view(x, (7, 1)) + 1

    def many(x):
        return sliding_window_view(x, (2, 2, 2)) + 1

    def read_only(x):
        sliding_window_view(x, (2, 2))[0, 0] = 1

    for function in (large, many, read_only):
        check(function, (X.copy(),))


def test_products_of_windows(check):
    def f(x, w):
        windows = sliding_window_view(x, w.shape)
        return (
            np.einsum("ijkl,kl->ij", windows, w),
            np.tensordot(windows, w, axes=2),
            windows.reshape(-1, w.size) @ w.ravel(),
            (windows * w).sum(axis=(2, 3)),
        )

    one_piece(check(f, (X, np.ones((3, 2)) / 6)))


def test_arrays_broadcast_together(check):
    def f(x, row):
        a, b = np.broadcast_arrays(row, x)
        mask = x == x.max(axis=1, keepdims=True)
        wide, _ = np.broadcast_arrays(x.max(axis=1, keepdims=True), x)
        out = np.zeros_like(x)
        out[mask] = wide[mask]
        return a + b, b is x, a[1:], out

    one_piece(check(f, (X, np.arange(8.0))))


def test_einsum_that_permutes_gives_a_view(check):
    def f(x):
        y = np.einsum("ij->ji", x)
        y[0] += 1
        same = np.einsum("ij->ij", x)
        return y, same, y.base is x, np.einsum("ij->ji", x * 2) + 1, np.einsum("ii->i", x[:6, :6])

    check(f, (X.copy(),))
