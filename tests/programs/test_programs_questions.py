"""What programs ask about their values is known while they are traced."""

import numbers

import numpy as np

X = np.random.default_rng(0).standard_normal((6, 5))


def test_questions_about_types(check):
    def f(x, y):
        kinds = isinstance(x[0, 0], np.floating), isinstance(x, np.ndarray), np.isscalar(x[0, 0])
        more = isinstance(x.sum(), numbers.Number), np.isscalar(x), np.iterable(x), np.iterable(3.0)
        dtype = (
            np.result_type(x, np.float32),
            np.result_type(y, 1.5),
            np.issubdtype(y.dtype, np.floating),
        )
        return kinds, more, dtype, x.sum() * 2

    report = check(f, (X, X.astype(np.float32)))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_means_of_chosen_elements(check):
    def f(x):
        return x.mean(where=x > 0), np.mean(x, axis=1, where=x > -9, keepdims=True)

    report = check(f, (X,), (np.abs(X),), (X - 5,))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_arrays_side_by_side(check):
    def f(x, y):
        rows = (
            np.r_[1, 2, 3],
            np.r_[0:5],
            np.r_[x, 0, y],
            np.r_[-1:1:5j],
            np.r_[True, np.diff(x) > 0],
        )
        return rows, np.c_[x, y], np.c_[1:4, np.arange(3.0)], np.r_[x.astype(np.float32), 1.5]

    report = check(f, (X[0], X[1]))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_constants_of_modules(check):
    def f(x):
        return (
            np.linalg.norm(x, np.inf),
            x * np.pi,
            np.linalg.norm(x[0], -np.inf),
            np.sum(x, initial=np.e),
        )

    report = check(f, (X,))
    assert (report.pieces, report.breaks) == (1, 0), str(report)
