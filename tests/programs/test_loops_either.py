"""Numbers that are Python's or NumPy's as data decide: ``total = 0.0; if c: total += x[i]``."""

import math

import numpy as np
import pytest
from helpers.loops import control_nodes

X = np.array([3.0, -1.0, 4.0, -1.5, 9.0, -2.5, 6.0] * 5)


def positive_sum(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
    return total


def positive_sum_from_int(x):
    total = 0
    for i in range(len(x)):
        if x[i] > 0:
            total = total + x[i]
    return total, total


def mean_of_positive(x):
    total, count = 0.0, 0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
            count += 1
    return total / count if count else float("nan"), -total, abs(total), total + 1.5


def largest(x):
    best, place = 0.0, (0, 0)
    for i in range(len(x)):
        for j in range(i):
            if x[i] * x[j] > best:
                best, place = x[i] * x[j], (i, j)
    return best, place


def soft_threshold(x, rate):
    y = np.zeros(len(x))
    biggest = 0.0
    for i in range(len(x)):
        y[i] = max(abs(x[i]) - rate, 0.0)
        biggest = max(biggest, abs(y[i] - x[i]))
    return y, biggest


def conditional_neighbour(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < len(x) - 1 else 0.0
        out[i] = left - 2 * x[i] + right
    return out


def found_or_not(x, limit):
    found = False
    for i in range(len(x)):
        found = found or x[i] > limit
    return found, not found


def by_functions(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
    return float(total), int(total), math.sqrt(total), np.sqrt(total), np.maximum(total, x[0])


def by_functions_from_int(x):
    total = -2
    for i in range(len(x)):
        if x[i] > 2:
            total = x[i] / 4
    return float(total), total > -1.5, bool(total), math.atan(total), total == -2


def stored(x):
    total = 0.0
    out = np.zeros((2, len(x)))
    narrow = np.zeros(len(x), np.float32)
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
        out[0, i] = total
        out[1, i] = total * 2.0
        narrow[i] = total
    return out, narrow, [total], {"total": total}


def promoted(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
    return x.astype(np.float32) * total, total * x


def alone(x):
    total = 0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i]
    return np.full(3, total), np.array([total]), np.maximum(total, 1)


def counted(x, labels):
    best = 0
    for i in range(len(labels)):
        if labels[i] > best:
            best = labels[i]
    return best, best + 1, x[best]


@pytest.mark.parametrize(
    "function",
    [positive_sum, positive_sum_from_int, mean_of_positive, largest, conditional_neighbour],
)
def test_captured(check_loops, function):
    report = check_loops(function, (X,), (-abs(X),), (abs(X),))
    assert control_nodes(report)
    assert report.breaks == 0


@pytest.mark.parametrize("function", [by_functions, by_functions_from_int, stored, promoted, alone])
def test_used(check_loops, function):
    check_loops(function, (X,), (-abs(X),), (abs(X),))


def test_extremes(check_loops):
    report = check_loops(soft_threshold, (X, 2.0), (X, 100.0), (X, np.float64(2.0)))
    assert control_nodes(report)


def test_booleans(check_loops):
    check_loops(found_or_not, (X, 5.0), (X, 50.0))


def test_integers(check_loops):
    labels = np.array([0, 3, 2, 5, 1] * 5)
    check_loops(counted, (X, labels), (X, labels * 0), (X, -labels))


def test_overflow_warns_as_eager_does(check_loops):
    def f(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0:
                total += x[i]
        return total * 2.0, total - 1e308

    check_loops(f, (X,), (X * 1e307,), (-abs(X),))


def counted_and_summed(x):
    total = 0
    for value in x:
        if value > 0:
            total += value
        elif value < -1:
            total += 1
    return total, total / 2, total - 3


def worst_drop(x):
    peak, worst = x[0], 0
    for value in x:
        peak = max(peak, value)
        worst = max(worst, peak - value)
    return worst, min(worst, 2)


def int_of_data(x, n):
    best = n
    for value in x:
        if value > best:
            best = value
    return best, best + n


@pytest.mark.parametrize("function", [counted_and_summed, worst_drop])
def test_ints_and_float64(check_loops, function):
    report = check_loops(function, (X,), (-abs(X),), (abs(X),), (X * 0,))
    assert control_nodes(report)
    assert report.breaks == 0


def test_large_ints_and_float64(check_loops):
    check_loops(int_of_data, (X, 1), (X, 2), (X, 2**53 + 1), (X, -(2**60)), (X, 2**53))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_a_number_of_either_kind_is_written_to_an_array(check_loops, dtype):
    def positive_information(counts, sums, out):
        total = np.sum(counts)
        for i in range(counts.shape[0]):
            for j in range(counts.shape[1]):
                out[i, j] = max(0, np.log2(counts[i, j] * total / (sums[j] * sums[i]) + 1e-8))
        return out

    counts = np.random.default_rng(0).integers(0, 5, (12, 12))
    check_loops(positive_information, (counts, counts.sum(axis=0), np.zeros((12, 12), dtype)))


# Single precision


def filtered(x, h):
    y = np.zeros_like(x)
    for i in range(len(x)):
        total = 0.0
        for k in range(len(h)):
            if i - k >= 0:
                total += h[k] * x[i - k]
        y[i] = total
    return y


def largest_of_four(x):
    rows, columns = x.shape
    y = np.zeros((rows // 2, columns // 2), x.dtype)
    for i in range(rows // 2):
        for j in range(columns // 2):
            most = -np.inf
            for a in range(2):
                for b in range(2):
                    if x[2 * i + a, 2 * j + b] > most:
                        most = x[2 * i + a, 2 * j + b]
            y[i, j] = most
    return y


def sum_above(x, limit):
    total, count = 0.0, 0
    for value in x:
        if value > limit:
            total += value
            count += 1
    return total, type(total), count


def mean_above(x, limit):
    total, count, _ = 0.0, 0, None
    for value in x:
        if value > limit:
            total += value
            count += 1
    return total / count if count else 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_under_conditions(check_loops, dtype):
    x = np.random.default_rng(3).standard_normal((40, 30)).astype(dtype)
    for report in (
        check_loops(filtered, (x[0], x[1, :5]), (x[1], x[2, :7])),
        check_loops(largest_of_four, (x,), (x[:20, ::2],)),
        check_loops(sum_above, (x[0], dtype(0.5)), (x[1], dtype(9))),
        check_loops(mean_above, (x[0], 0.5), (x[1], 9.0)),
    ):
        assert "for" in control_nodes(report)


@pytest.mark.parametrize("first", [0.1, 1.5, np.inf, np.nan, 1e300, -0.0, 2.0**-140])
def test_first_numbers(check_loops, first):
    def f(x, limit, total):
        for value in x:
            if value > limit:
                total += value
        return total, type(total)

    def g(x, limit):
        total = first
        for value in x:
            if value > limit:
                total = value * total
        return total, type(total)

    x = np.random.default_rng(3).standard_normal(40).astype(np.float32)
    with np.errstate(all="ignore"):
        check_loops(f, (x, 0.5, 2.5), (x, 9.0, first), (x, 0.5, first))
        check_loops(g, (x, 0.5), (x, 9.0))


def test_first_integers_beyond_floats(check_loops):
    def f(x, limit, total):
        for value in x:
            if value > limit:
                total += value
        return total, type(total)

    x = np.random.default_rng(3).standard_normal(40)
    check_loops(f, (x, 9.0, 1), (x, 9.0, 2**53 + 1), (x, 9.0, 2**53 - 1), (x, 0.5, 2**53 + 3))


def test_single_precision_with_numbers_of_python(check_loops):
    def f(x, limit):
        total = 1.0
        for value in x:
            if value > limit:
                total = total * 0.1 + value
            elif value < -limit:
                total = 0.7
            elif total > 0.3:
                total = total - 1
        return total, type(total)

    x = np.random.default_rng(3).standard_normal(60).astype(np.float32)
    check_loops(f, (x, 0.5), (x, 9.0), (x[:3], 0.1))


def sum_from_integer(x, limit, first):
    total, other = first, 0
    for value in x:
        if value > limit:
            total += value
            other = other + value * 2
    return total, type(total), other, other / 3, other + 0.5, other > 1, other == 0


def relu_and_more(x):
    out = []
    for value in x:
        positive = max(0.0, value)
        part = positive * 0.1 + 0.3
        out.append(part if part > 0.35 else -abs(positive - 2.7) / 1.1)
    return out


def overlaps(boxes, limit):
    found = np.zeros((len(boxes), len(boxes)))
    for i in range(len(boxes)):
        for j in range(len(boxes)):
            width = max(0.0, min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0]))
            height = max(0.0, min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1]))
            common = width * height
            if common > limit:
                found[i, j] = common / (common + 0.7)
    return found


def running_largest(x, first):
    largest, out = first, np.empty(len(x))
    for i in range(len(x)):
        largest = max(largest, x[i])
        out[i] = largest
    return out, largest, type(largest)


def weighted(x, radius):
    out = np.zeros_like(x)
    for i in range(len(x)):
        total, weights = 0.0, 0.0
        for k in range(-radius, radius + 1):
            if 0 <= i + k < len(x):
                d = x[i + k] - x[i]
                w = math.exp(-k * k / 8 - d * d / 0.02)
                weights += w
                total += w * x[i + k]
        out[i] = total / weights
    return out


def comparisons(x):
    counts = np.zeros(4, int)
    for value in x:
        low = min(0.1, value)
        counts[0] += low == 0.1
        counts[1] += low < 0.1
        counts[2] += low > -0.30000001
        counts[3] += low != value
    return counts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_precision_mixed_with_floats(check_loops, dtype):
    rng = np.random.default_rng(5)
    x = rng.standard_normal(60).astype(dtype)
    x[7], x[8], x[9] = 0.1, -0.30000001, 0.0
    boxes = rng.random((12, 4)).astype(dtype)
    boxes[:, 2:] += boxes[:, :2]
    for first in (0, 3, 2**24 + 1, 2**53 + 1, True):
        check_loops(sum_from_integer, (x, 0.5, first), (x, 9.0, first))
    check_loops(relu_and_more, (x,), (-x,))
    check_loops(overlaps, (boxes, 0.1), (boxes, 5.0))
    for first in (-np.inf, 0.1, 3.5, np.nan):
        check_loops(running_largest, (x, first), (x[:2] - 9, first))
    check_loops(weighted, (x, 2), (x, 3))
    check_loops(comparisons, (x,), (-x,))
