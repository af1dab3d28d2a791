"""Functions that call themselves."""

import numpy as np

from benchmarks.programs.registry import program


def fft(x):
    n = len(x)
    if n == 1:
        return x
    even, odd = fft(x[0::2]), fft(x[1::2])
    twiddle = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    return np.concatenate([even + twiddle * odd, even - twiddle * odd])


@program(lambda n: (np.random.default_rng(0).random(n).astype(complex),), 8, 512)
def radix_two(x):
    return fft(x)


@program(lambda n: (np.random.default_rng(0).integers(0, 100, n),), 12, 500)
def quick_sort(values):
    if len(values) <= 1:
        return values
    pivot = values[len(values) // 2]
    left = values[values < pivot]
    middle = values[values == pivot]
    right = values[values > pivot]
    return np.concatenate([quick_sort(left), middle, quick_sort(right)])


@program(lambda n: (np.random.default_rng(0).random((n, n)), np.eye(n) + 1), 8, 128)
def strassen(a, b):
    n = a.shape[0]
    if n <= 4:
        return a @ b
    m = n // 2
    a11, a12, a21, a22 = a[:m, :m], a[:m, m:], a[m:, :m], a[m:, m:]
    b11, b12, b21, b22 = b[:m, :m], b[:m, m:], b[m:, :m], b[m:, m:]
    p1 = strassen(a11 + a22, b11 + b22)
    p2 = strassen(a21 + a22, b11)
    p3 = strassen(a11, b12 - b22)
    p4 = strassen(a22, b21 - b11)
    p5 = strassen(a11 + a12, b22)
    p6 = strassen(a21 - a11, b11 + b12)
    p7 = strassen(a12 - a22, b21 + b22)
    c = np.empty((n, n))
    c[:m, :m] = p1 + p4 - p5 + p7
    c[:m, m:] = p3 + p5
    c[m:, :m] = p2 + p4
    c[m:, m:] = p1 - p2 + p3 + p6
    return c


@program(lambda n: (np.random.default_rng(0).random((n, n)),), 4, 7)
def determinant(a):
    if len(a) == 1:
        return a[0, 0]
    total = 0.0
    for j in range(len(a)):
        minor = np.delete(np.delete(a, 0, axis=0), j, axis=1)
        total += (-1) ** j * a[0, j] * determinant(minor)
    return total


@program(lambda n: (np.random.default_rng(0).random(2**n),), 4, 10)
def haar(x):
    if x.size == 1:
        return x
    mean = (x[::2] + x[1::2]) / np.sqrt(2)
    detail = (x[::2] - x[1::2]) / np.sqrt(2)
    return np.concatenate((haar(mean), detail))


@program(lambda n: (np.sin, 0.0, 3.0, 1e-6 / n), 1, 100)
def adaptive_simpson(f, a, b, eps):
    c = (a + b) / 2
    h = b - a
    whole = h / 6 * (f(a) + 4 * f(c) + f(b))
    d, e = (a + c) / 2, (c + b) / 2
    halves = h / 12 * (f(a) + 4 * f(d) + 2 * f(c) + 4 * f(e) + f(b))
    if abs(halves - whole) < 15 * eps:
        return halves + (halves - whole) / 15
    return adaptive_simpson(f, a, c, eps / 2) + adaptive_simpson(f, c, b, eps / 2)


@program(lambda n: (n,), 10, 18)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
