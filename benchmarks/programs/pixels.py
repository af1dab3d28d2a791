"""A `while` for each pixel: escape times, one by one and with masks."""

import numpy as np

from benchmarks.programs.registry import program


def _window(n):
    return n, n, 30


@program(_window, 7, 100)
def mandelbrot_scalar(width, height, limit):
    out = np.zeros((height, width), dtype=np.int32)
    for i in range(height):
        for j in range(width):
            c = complex(-2.0 + 3.0 * j / width, -1.5 + 3.0 * i / height)
            z = 0j
            n = 0
            while abs(z) <= 2 and n < limit:
                z = z * z + c
                n += 1
            out[i, j] = n
    return out


@program(_window, 7, 100)
def mandelbrot_reals(width, height, limit):
    result = np.empty((height, width))
    for py in range(height):
        for px in range(width):
            x0, y0 = px / width * 3.5 - 2.5, py / height * 2 - 1
            x = y = 0.0
            k = 0
            while x * x + y * y <= 4 and k < limit:
                x, y = x * x - y * y + x0, 2 * x * y + y0
                k += 1
            result[py, px] = k / limit
    return result


@program(_window, 9, 300)
def mandelbrot_masks(width, height, limit):
    x = np.linspace(-2.0, 0.5, width)
    y = np.linspace(-1.25, 1.25, height)
    C = x + y[:, None] * 1j
    Z = np.zeros_like(C)
    N = np.zeros(C.shape, dtype=np.int64)
    for n in range(limit):
        I = np.abs(Z) < 2.0
        N[I] = n
        Z[I] = Z[I] ** 2 + C[I]
    N[N == limit - 1] = 0
    return Z, N


@program(_window, 9, 200)
def mandelbrot_shrinking(width, height, limit):
    """Only the points that have not escaped are kept."""
    Xi, Yi = np.mgrid[0:width, 0:height]
    X = np.linspace(-2.25, 0.75, width)[Xi]
    Y = np.linspace(-1.25, 1.25, height)[Yi]
    C = X + Y * 1j
    N_ = np.zeros(C.shape, dtype=np.int64)
    Xi.shape = Yi.shape = C.shape = width * height
    Z = np.zeros_like(C)
    for i in range(limit):
        if not len(Z):
            break
        np.multiply(Z, Z, Z)
        np.add(Z, C, Z)
        I = abs(Z) > 2.0
        N_[Xi[I], Yi[I]] = i + 1
        np.logical_not(I, I)
        Z = Z[I]
        Xi, Yi = Xi[I], Yi[I]
        C = C[I]
    return N_.T


@program(lambda n: (np.linspace(-1.5, 1.5, n), -0.7 + 0.27j, 40), 9, 200)
def julia(axis, c, limit):
    z = axis[None, :] + 1j * axis[:, None]
    count = np.zeros(z.shape, dtype=int)
    alive = np.ones(z.shape, dtype=bool)
    k = 0
    while k < limit and alive.any():
        z = np.where(alive, z * z + c, z)
        alive &= np.abs(z) < 2
        count += alive
        k += 1
    return count


@program(lambda n: (n,), 8, 100)
def newton_fractal(n):
    roots = np.array([1, -0.5 + 0.8660254037844386j, -0.5 - 0.8660254037844386j])
    image = np.zeros((n, n), dtype=np.uint8)
    for i in range(n):
        for j in range(n):
            z = complex(-1.0 + 2.03 * i / n, -1.0 + 2.07 * j / n)
            for _ in range(20):
                if abs(z) < 1e-6:
                    break
                dz = (z**3 - 1) / (3 * z * z)
                z -= dz
                if abs(dz) < 1e-8:
                    break
            image[i, j] = np.argmin(np.abs(roots - z))
    return image


@program(lambda n: (np.random.default_rng(0).integers(1, 3000, n),), 12, 3000)
def collatz(starts):
    lengths = np.zeros(len(starts), dtype=np.int64)
    for k in range(len(starts)):
        n = int(starts[k])
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            lengths[k] += 1
    return lengths
