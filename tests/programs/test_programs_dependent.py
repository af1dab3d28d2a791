"""Results whose shapes depend on data: no break, and extents of 0 and 1 as right as any other."""

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 5))
V = X[0].copy()
ONE = np.array([1.0, -1.0, -1.0])
VECTORS = ((V,), (V * 0 - 1,), (ONE,), (np.ones(7),))
MATRICES = ((X,), (X - 10,), (np.abs(X),), (X[:1],))
NUMBERS = np.array([1, 2, 2, 5])


def selected(x):
    y = x[x > 0]
    return y, y * 2 + y.sum(), y.shape, len(y), y.size, x[x > 0].sum()


def sliced(x):
    y = x[x > 0]
    return y[:3], y[1:], y[-2:], y[::-1], y[::2], y[:-1], y[: len(y) // 2]


def composed(x):
    y = x[x > 0]
    both = np.concatenate([y, y])
    return np.sort(y), np.cumsum(y), np.diff(y), y[None, :] * y[:, None], both, y.reshape(-1, 1)


def like_it(x):
    y = x[x > 0]
    new = np.zeros_like(y), np.ones(len(y)), np.arange(len(y)), np.empty((2, y.size)).shape
    return *new, np.where(y > 1, y, 0), y.copy(), y.astype(np.float32)


def rows(x):
    mask = x[:, 0] > 0
    part = x[mask]
    return part, x[mask, 1], x[mask, 1:3], part[:, 0], part.sum(0), part.mean(1), part @ x.T


def columns(x):
    mask = x[0] > 0
    return x[:, mask], x[1:, mask], x[..., mask], x[0, mask]


def places(x):
    found = np.nonzero(x > 0)
    return found, np.where(x > 0), np.flatnonzero(x > 0), np.argwhere(x > 0), (x > 0).nonzero()


def picked(x):
    mask = x > 0
    return np.compress(mask, x), np.extract(mask, x), x.compress(mask), np.count_nonzero(mask)


def written(x):
    y = x.copy()
    y[y > 0] = y[y > 0] * 2
    y[y < -1] -= 1
    return y


def sized(x):
    n = int(np.abs(x).sum())
    return np.zeros(n), np.arange(n), np.ones((n, 2)), x[:n]


def distinct(x):
    numbers = (x * 2).astype(int)
    full = np.unique(numbers, return_index=True, return_inverse=True, return_counts=True)
    return np.unique(numbers), full, np.unique(numbers).size


@pytest.mark.parametrize(
    "program", [selected, sliced, composed, like_it, picked, places, written, sized, distinct]
)
def test_vectors(check, program):
    report = check(program, *VECTORS)
    assert report.breaks == 0, str(report)


@pytest.mark.parametrize("program", [selected, rows, columns, places, written, distinct])
def test_matrices(check, program):
    report = check(program, *MATRICES)
    assert report.breaks == 0, str(report)


def test_reductions_of_nothing_raise_and_warn(check):
    def extremes(x):
        y = x[x > 0]
        return y.max(), y.min(), y.argmax()

    def means(x):
        return x[x > 0].mean(), x[x > 0].std(), np.median(x[x > 0])

    for program in (extremes, means):
        report = check(program, *VECTORS)
        assert report.breaks == 0, str(report)


def test_a_branch_on_the_extent_is_a_break(check):
    def f(x):
        y = x[x > 0]
        if len(y) == 0:
            return -1.0
        return y.mean() + y.std()

    check(f, *VECTORS)


def test_counts(check):
    def f(i, w):
        counts = np.bincount(i, minlength=8)
        return (
            np.bincount(i),
            np.bincount(i, w),
            counts,
            np.bincount(i, w, minlength=8) / counts.sum(),
        )

    few = NUMBERS[:1]
    report = check(f, (NUMBERS, NUMBERS * 0.5), (few, few * 0.5), (NUMBERS + 4, NUMBERS * 0.5))
    assert report.breaks == 0, str(report)


def test_counts_of_wrong_numbers(check):
    def f(i):
        return np.bincount(i)

    check(f, (NUMBERS,), (NUMBERS[:0],), (-NUMBERS,))


def test_repeats(check):
    def f(x, c):
        return np.repeat(x, c), np.repeat(x, c * 2) + 1, np.repeat(np.outer(x, x), c, axis=1)

    counts = ([1, 0, 2, 3, 0], [0] * 5, [1, 0, 0, 0, 0], [1, 0, -1, 0, 0])
    report = check(f, *((V, np.array(c)) for c in counts))
    assert report.breaks == 0, str(report)


def test_sets(check):
    def f(a, b):
        both = np.intersect1d(a, b), np.union1d(a, b)
        return *both, np.setdiff1d(a, b), np.setxor1d(a, b), np.isin(a, b)

    report = check(f, (NUMBERS, NUMBERS + 1), (NUMBERS, NUMBERS + 10))
    assert report.breaks == 0, str(report)
    check(f, (NUMBERS, NUMBERS[:0]))


def test_masked_assignment_of_arrays(check):
    def f(x, y):
        mask = x > 0
        x[mask] = y[mask]
        x[~mask] = y[~mask] * 3
        y[mask] = 1.0
        return x.sum()

    report = check(f, (V, V * 2), (V * 0, V), (V * 0 + 1, V))
    assert report.breaks == 0, str(report)


def test_masked_assignment_of_a_wrong_number_of_elements(check):
    def f(x, values):
        x[x > 0] = values
        return x

    report = check(f, (ONE, np.ones(1)), (ONE, np.ones(2)), (np.ones(2), np.ones(2)))
    assert report.breaks == 0, str(report)


def test_two_masks_with_equal_counts(check):
    def f(x, y):
        return x[x > 0] * y[y > 0]

    report = check(f, (V, -V[::-1] * -1), (ONE, np.array([-1.0, 1.0, 1.0])))
    assert report.breaks == 0, str(report)


def test_outliers_are_removed(check):
    def f(x):
        for _ in range(3):
            centre, spread = np.median(x), x.std()
            x = x[np.abs(x - centre) <= 2 * spread]
        return x, len(x), x.mean()

    report = check(f, (RNG.standard_normal(200),), (np.r_[np.zeros(30), 50.0],))
    assert report.breaks == 0, str(report)
