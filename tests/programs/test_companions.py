"""``x.flags`` and ``x.flat``; functions of NumPy that call the program's functions."""

import numpy as np
import pytest

A = np.arange(24.0).reshape(4, 6) / 7
V = A[1].copy()


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_flags_decide(check):
    def f(x):
        y = x if x.flags.c_contiguous else np.ascontiguousarray(x)
        return y.reshape(-1) * 2, x.flags["F_CONTIGUOUS"], y.flags.writeable, (x * 2).flags.owndata

    one_piece(check(f, (A,)))
    check(f, (A,), (A.T,), (A[:, ::2],))


def test_flags_of_a_read_only_array(check):
    def f(x):
        return x * 2 if x.flags.writeable else x + 1

    frozen = A.copy()
    frozen.flags.writeable = False
    check(f, (A,), (frozen,), (A,))


def test_flags_that_leave(check):
    def f(x):
        y = x * 2
        return y, str(y.flags)

    check(f, (A,))


def test_elements_in_order(check):
    def f(x):
        total = 0.0
        for value in x.flat:
            total += value * value
        return total, x.flat[5] * 2, x.flat[2:7] + 1, x.flat[np.array([0, 3])], len(x.flat)

    one_piece(check(f, (A,)))
    check(f, (A.T,))


def test_items_of_flat_are_copies(check):
    def f(x):
        part = x.flat[2:5]
        part += 1
        return part, x.sum()

    one_piece(check(f, (A,)))


def test_writes_through_flat(check):
    def f(x, values):
        x.flat[::9] = 1.0
        x.flat[3] = 2
        x.flat[4:10] = values
        y = np.empty_like(x)
        y.flat = np.arange(24)
        y.flat[0] += 5
        return y * x

    one_piece(check(f, (A, V)))
    check(f, (np.asfortranarray(A), V))


def test_flat_that_leaves(check):
    def f(x):
        return next(x.flat) + x.sum(), list(x.flat)[:3]

    check(f, (A,))


@pytest.mark.parametrize("key", [None, 1.0, (1, 2), ..., True, "a", [1.0], np.int64(2)], ids=repr)
def test_indices_that_flat_takes_or_refuses(key, check):
    def f(x):
        return x.flat[key]

    def g(x):
        x.flat[key] = 10
        return x

    check(f, (A,))
    check(g, (A.copy(),))


def test_arrays_of_too_many_axes_have_no_flat(check):
    def f(x):
        return x.flat[0]

    check(f, (np.ones((1,) * 64),), (np.ones((1,) * 32),))


@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe"])
def test_copies_of_numbers_follow_the_casting_rule(casting, check):
    def f(x):
        np.copyto(x, 3, casting=casting)
        return x

    def g(x):
        np.copyto(x, 3.0, casting=casting)
        return x

    for dtype in ("u1", "i8", "f4", "f8"):
        check(f, (np.arange(3).astype(dtype),))
        check(g, (np.arange(3).astype(dtype),))


def test_rows_of_a_function(check):
    def f(x):
        scaled = np.apply_along_axis(lambda row: (row - row.mean()) / row.std(), 1, x)
        ends = np.apply_along_axis(lambda row, k: row[[0, k]], 0, x, -1)
        return scaled, ends, np.apply_along_axis(np.sum, -1, x)

    one_piece(check(f, (A,)))


def test_rows_of_functions_that_python_runs(check):
    def f(x):
        return np.apply_along_axis(sorted, 0, x[::-1])

    check(f, (A,), (np.zeros((3, 0)),), (np.float64(3),))


def test_functions_of_indices(check):
    def f(n):
        return np.fromfunction(lambda i, j: i * 10 + j, (n, n)), np.fromfunction(
            lambda i: i % 2 == 0, (n,), dtype=int
        )

    one_piece(check(f, (4,)))


def test_functions_of_elements(check_loops):
    def rectified(a, b):
        if a > b:
            return a - b
        return 0.5 * a

    def f(x, y):
        return np.vectorize(rectified)(x, y) + 1, np.vectorize(int, otypes=[float])(x * 3)

    one_piece(check_loops(f, (A, V)))
    check_loops(f, (A.T[:4, :4], V[:4]), (V[::-1], 1.5), (np.zeros(0), 1.0))


def test_functions_of_elements_of_other_kinds(check):
    @np.vectorize
    def pair(a):
        return a, a + 1

    @np.vectorize
    def name(a):
        return f"<{a}>"

    def f(x):
        return pair(x), name(x)

    check(f, (V,))


def test_functions_of_elements_are_called_as_often_as_by_numpy(check):
    def doubled(a):
        print(a)
        return a + a

    def f(x):
        with_dtype = np.vectorize(doubled, otypes=[float])(x)
        return with_dtype, np.vectorize(doubled)(x), np.vectorize(doubled)(x.astype("i2"))

    check(f, (np.arange(3.0),), (np.arange(4),))


@pytest.mark.parametrize("result", [None, "text", {1, 2}, [1, 2], (1, 2)], ids=repr)
def test_functions_whose_results_are_no_numbers(result, check):
    def found(a):
        print(a)
        return result

    def f(x):
        boxed = np.vectorize(found, otypes=[object])(x[0])
        return list(boxed), np.apply_along_axis(found, 0, x).tolist()

    def g(x):
        return list(np.vectorize(found)(x))

    check(f, (A[:2, :2],))
    check(g, (V[:2],))


def test_rows_are_views(check):
    def ordered(row):
        row.sort()
        return np.ma.masked_less(row, 0.5)

    def f(x):
        return np.apply_along_axis(ordered, 0, x).mask.tolist(), x

    def g(x):
        return np.apply_along_axis(lambda row: 300 if row[0] > 3 else row.astype("u1")[0], 1, x)

    check(f, (A,), (A.reshape(2, 3, 4),))
    check(g, (A,))


def test_pieces_of_a_function(check):
    def f(x):
        y = np.piecewise(x, [x < 0.3, x >= 0.7], [lambda t: -t, lambda t: t**2, 0.5])
        return y, np.piecewise(x, [x < 0.5], [0, 1])

    check(f, (V,), (V,))


def test_numpys_own_python_code(check):
    def f(x, k):
        chosen = x[np.ix_(k, [1, 2])]
        x[np.ix_(k, k)] = 0
        return chosen, np.sinc(x), np.resize(x, (3, 5)), np.linalg.multi_dot([x, x.T, x])

    one_piece(check(f, (A.copy(), np.array([0, 2]))))


def test_rows_from_the_last_to_the_first(check):
    def f(x):
        total = np.zeros(x.shape[1])
        for row in reversed(x):
            total = total * 0.5 + row
        return total, [float(v) for v in reversed(x[0])]

    one_piece(check(f, (A,)))


def test_variances_of_chosen_elements(check):
    def f(x, low):
        mask = x > low
        return (
            x.var(where=mask),
            np.std(x, axis=0, where=mask),
            x.std(axis=1, keepdims=True, ddof=1, where=mask),
            np.var(x, axis=1, where=mask[:1]),
        )

    one_piece(check(f, (A, 0.3 * 0), (A, -1.0)))
    check(f, (A, 2.0), (A, 99.0))


def test_variances_of_chosen_integers_and_complex_numbers(check):
    def f(k, z):
        return (
            k.var(where=k > 3),
            np.var(z, where=np.abs(z) > 0.5),
            k.std(axis=0, where=[True, False, True]),
        )

    one_piece(check(f, (np.arange(12).reshape(4, 3), A[:2] + 1j * A[2:])))
