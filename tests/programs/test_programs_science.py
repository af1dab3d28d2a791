"""Numerics, statistics, simulation and signals in ordinary NumPy."""

import math

import numpy as np

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((30, 2)) + np.repeat(
    np.array([[0.0, 0.0], [6.0, 6.0], [0.0, 6.0]]), 10, axis=0
)
DATA = RNG.standard_normal((40, 6)) @ RNG.standard_normal((6, 6))
IMAGE = RNG.random((16, 20))
SIGNAL = np.sin(np.linspace(0, 20, 64)) + 0.1 * RNG.standard_normal(64)


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_k_means(check):
    def kmeans(points, centres, steps):
        for _ in range(steps):
            distance = np.linalg.norm(points[:, None, :] - centres[None, :, :], axis=2)
            nearest = np.argmin(distance, axis=1)
            centres = np.array([points[nearest == k].mean(axis=0) for k in range(len(centres))])
        return centres, nearest, distance.min(axis=1).sum()

    one_piece(check(kmeans, (POINTS, POINTS[[0, 10, 20]], 3)))


def test_k_means_by_counting(check):
    def step(points, centres):
        distance = ((points[:, None] - centres) ** 2).sum(-1)
        nearest = distance.argmin(1)
        counts = np.bincount(nearest, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        return sums / np.maximum(counts, 1)[:, None], counts

    one_piece(check(step, (POINTS, POINTS[[0, 10, 20]])))


def test_principal_components(check):
    def pca(x, count):
        centred = x - x.mean(axis=0)
        u, s, vt = np.linalg.svd(centred, full_matrices=False)
        signs = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(axis=1)])
        vt = vt * signs[:, None]
        explained = s**2 / np.sum(s**2)
        return centred @ vt[:count].T, explained[:count], np.cumsum(explained)

    one_piece(check(pca, (DATA, 2)))


def test_least_squares_with_errors(check):
    def fit(x, y):
        design = np.column_stack([np.ones(len(x)), x, x**2])
        gram = design.T @ design
        beta = np.linalg.solve(gram, design.T @ y)
        residual = y - design @ beta
        variance = residual @ residual / (len(y) - design.shape[1])
        errors = np.sqrt(np.diag(np.linalg.inv(gram)) * variance)
        r2 = 1 - (residual**2).sum() / ((y - y.mean()) ** 2).sum()
        return beta, errors, r2

    x = np.linspace(0, 1, 30)
    one_piece(check(fit, (x, 1 + 2 * x - x**2 + 0.01 * np.cos(40 * x))))


def test_page_rank(check):
    def rank(links, damping, steps):
        n = len(links)
        out = links.sum(axis=0)
        transition = np.where(out > 0, links / np.where(out > 0, out, 1), 1 / n)
        r = np.full(n, 1 / n)
        for _ in range(steps):
            r = (1 - damping) / n + damping * transition @ r
        return r, np.argsort(-r)

    links = (RNG.random((8, 8)) < 0.3).astype(float)
    one_piece(check(rank, (links, 0.85, 20)))


def test_page_rank_until_it_converges(check):
    def rank(transition, tolerance):
        r = np.ones(len(transition)) / len(transition)
        for step in range(100):
            new = 0.15 / len(r) + 0.85 * transition @ r
            if np.abs(new - r).sum() < tolerance:
                break
            r = new
        return r, step

    matrix = RNG.random((8, 8))
    check(rank, (matrix / matrix.sum(axis=0), 1e-3))


def test_bodies_in_gravity(check):
    def accelerations(position, mass, softening):
        apart = position[None, :, :] - position[:, None, :]
        inverse = ((apart**2).sum(-1) + softening**2) ** -1.5
        return (apart * (inverse * mass[None, :])[:, :, None]).sum(axis=1)

    def simulate(position, velocity, mass, dt, steps):
        a = accelerations(position, mass, 0.1)
        energies = []
        for _ in range(steps):
            velocity += a * dt / 2
            position += velocity * dt
            a = accelerations(position, mass, 0.1)
            velocity += a * dt / 2
            energies.append(0.5 * (mass * (velocity**2).sum(1)).sum())
        return position, np.array(energies)

    one_piece(check(simulate, (RNG.random((5, 3)), np.zeros((5, 3)), np.ones(5), 0.01, 4)))


def test_heat_equation(check):
    def step(u, alpha, dx, dt, steps):
        for _ in range(steps):
            inner = u[1:-1, 1:-1]
            laplacian = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * inner
            u[1:-1, 1:-1] = inner + alpha * dt / dx**2 * laplacian
            u[0, :], u[-1, :], u[:, 0], u[:, -1] = 0.0, 0.0, u[:, 1], u[:, -2]
        return u

    one_piece(check(step, (IMAGE.copy(), 0.1, 0.1, 0.01, 5)))


def test_wave_equation_with_boundaries(check):
    def run(u, c, steps):
        old, now = u, u.copy()
        for _ in range(steps):
            new = np.zeros_like(now)
            new[1:-1] = 2 * now[1:-1] - old[1:-1] + c**2 * np.diff(now, n=2)
            old, now = now, new
        return now, np.abs(now).max()

    one_piece(check(run, (SIGNAL, 0.5, 6)))


def test_lattice_gas(check):
    def life(grid, steps):
        for _ in range(steps):
            near = sum(
                np.roll(np.roll(grid, i, 0), j, 1)
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
                if (i, j) != (0, 0)
            )
            grid = ((near == 3) | ((grid == 1) & (near == 2))).astype(grid.dtype)
        return grid, grid.sum()

    one_piece(check(life, ((IMAGE > 0.6).astype(np.int64), 3)))


def test_filter_in_the_frequency_domain(check):
    def low_pass(signal, rate, cut):
        spectrum = np.fft.rfft(signal)
        frequency = np.fft.rfftfreq(len(signal), d=1 / rate)
        spectrum[frequency > cut] = 0
        power = np.abs(spectrum) ** 2
        return np.fft.irfft(spectrum, n=len(signal)), power, frequency[np.argmax(power)]

    one_piece(check(low_pass, (SIGNAL, 10.0, 1.0)))


def test_spectrogram(check):
    def spectrogram(signal, size, hop):
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        count = 1 + (len(signal) - size) // hop
        frames = np.stack([signal[i * hop : i * hop + size] * window for i in range(count)])
        return 10 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) ** 2 + 1e-10)

    one_piece(check(spectrogram, (SIGNAL, 16, 8)))


def test_spectrogram_by_indices(check):
    def frames(signal, size, hop):
        starts = np.arange(0, len(signal) - size + 1, hop)
        taken = signal[starts[:, None] + np.arange(size)[None, :]]
        return taken * np.hanning(size), np.hamming(size), taken.mean(axis=1)

    one_piece(check(frames, (SIGNAL, 16, 8)))


def test_moving_averages(check):
    def smooth(x, width):
        kernel = np.ones(width) / width
        total = np.cumsum(np.insert(x, 0, 0.0))
        padded = np.concatenate([x[:1], x, x[-1:]])
        ema = np.empty_like(x)
        ema[0] = x[0]
        for i in range(1, len(x)):
            ema[i] = 0.2 * x[i] + 0.8 * ema[i - 1]
        return (
            np.convolve(x, kernel, mode="valid"),
            (total[width:] - total[:-width]) / width,
            padded,
            ema,
        )

    one_piece(check(smooth, (SIGNAL[:20], 5)))


def test_circle_by_random_points(check):
    def estimate(rng, count):
        points = rng.random((count, 2))
        inside = (points**2).sum(axis=1) <= 1
        return 4 * inside.mean(), 4 * inside.std() / np.sqrt(count)

    one_piece(check(estimate, (np.random.default_rng(1), 1000)))


def test_option_price_by_simulation(check):
    def price(rng, spot, strike, rate, sigma, years, paths, steps):
        dt = years / steps
        z = rng.standard_normal((paths, steps))
        growth = np.cumsum((rate - 0.5 * sigma**2) * dt + sigma * np.sqrt(dt) * z, axis=1)
        final = spot * np.exp(growth[:, -1])
        payoff = np.maximum(final - strike, 0) * math.exp(-rate * years)
        return payoff.mean(), payoff.std(ddof=1) / math.sqrt(paths)

    one_piece(check(price, (np.random.default_rng(1), 100.0, 105.0, 0.05, 0.2, 1.0, 100, 8)))


def test_random_walks_of_the_global_generator(check):
    def walk(count, steps):
        np.random.seed(7)
        moves = np.random.randint(0, 2, size=(count, steps)) * 2 - 1
        position = moves.cumsum(axis=1)
        return position[:, -1], np.abs(position).max(axis=1).mean(), np.random.rand(3)

    one_piece(check(walk, (10, 20)))


def test_kalman_filter(check):
    def run(measurements, f, h, q, r):
        x, p = np.zeros(2), np.eye(2)
        states = []
        for z in measurements:
            x = f @ x
            p = f @ p @ f.T + q
            s = h @ p @ h.T + r
            gain = p @ h.T @ np.linalg.inv(s)
            x = x + gain @ (z - h @ x)
            p = (np.eye(2) - gain @ h) @ p
            states.append(x)
        return np.array(states), p

    f, h = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    one_piece(check(run, (SIGNAL[:6, None], f, h, np.eye(2) * 0.01, np.eye(1))))


def test_runge_kutta(check):
    def lorenz(state, sigma=10.0, rho=28.0, beta=8 / 3):
        x, y, z = state
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    def integrate(state, dt, steps):
        path = np.empty((steps + 1, 3))
        path[0] = state
        for i in range(steps):
            k1 = lorenz(state)
            k2 = lorenz(state + dt / 2 * k1)
            k3 = lorenz(state + dt / 2 * k2)
            k4 = lorenz(state + dt * k3)
            state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            path[i + 1] = state
        return path

    one_piece(check(integrate, (np.array([1.0, 1.0, 1.0]), 0.01, 5)))


def test_conjugate_gradients(check):
    def solve(a, b, steps):
        x = np.zeros_like(b)
        r = b - a @ x
        p = r.copy()
        for _ in range(steps):
            ap = a @ p
            alpha = r @ r / (p @ ap)
            x = x + alpha * p
            new = r - alpha * ap
            p = new + (new @ new) / (r @ r) * p
            r = new
        return x, np.linalg.norm(a @ x - b)

    m = RNG.standard_normal((6, 6))
    one_piece(check(solve, (m @ m.T + 6 * np.eye(6), np.ones(6), 4)))


def test_gram_schmidt_and_cholesky(check):
    def factor(a):
        n = a.shape[1]
        q, r = np.zeros_like(a), np.zeros((n, n))
        for j in range(n):
            v = a[:, j].copy()
            for i in range(j):
                r[i, j] = q[:, i] @ a[:, j]
                v -= r[i, j] * q[:, i]
            r[j, j] = np.linalg.norm(v)
            q[:, j] = v / r[j, j]
        low = np.zeros((n, n))
        s = a.T @ a
        for i in range(n):
            for j in range(i + 1):
                rest = s[i, j] - low[i, :j] @ low[j, :j]
                low[i, j] = np.sqrt(rest) if i == j else rest / low[j, j]
        return q, r, low

    one_piece(check(factor, (DATA[:6, :3],)))


def test_edges_of_an_image(check):
    def edges(image, threshold):
        kx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        padded = np.pad(image, 1, mode="edge")
        gx, gy = np.zeros_like(image), np.zeros_like(image)
        h, w = image.shape
        for i in range(3):
            for j in range(3):
                part = padded[i : i + h, j : j + w]
                gx += kx[i, j] * part
                gy += kx.T[i, j] * part
        strength = np.hypot(gx, gy)
        strength = strength / strength.max()
        return (strength > threshold).astype(np.uint8), np.arctan2(gy, gx)

    one_piece(check(edges, (IMAGE, 0.4)))


def test_equalisation_of_a_histogram(check):
    def equalise(image):
        counts, edges = np.histogram(image, bins=16, range=(0, 1))
        total = counts.cumsum() / counts.sum()
        return np.interp(image.ravel(), edges[:-1], total).reshape(image.shape), counts

    one_piece(check(equalise, (IMAGE,)))


def test_equalisation_by_a_table(check):
    def equalise(image):
        counts = np.bincount(image.ravel(), minlength=256)
        total = counts.cumsum()
        table = np.round((total - total[0]) / (total[-1] - total[0]) * 255).astype(np.uint8)
        return table[image], image.mean(), 255 - image

    one_piece(check(equalise, ((IMAGE * 255).astype(np.uint8),)))


def test_colours_and_scaling(check):
    def process(rgb, size):
        gray = rgb @ np.array([0.299, 0.587, 0.114])
        h, w = gray.shape
        rows = np.arange(size) * h // size
        columns = (np.arange(size) * (w / size)).astype(int)
        small = gray[rows[:, None], columns]
        binary = np.where(small > small.mean(), 255, 0).astype(np.uint8)
        return np.clip(rgb * 1.2 - 0.1, 0, 1), small, binary, binary[::-1].T, np.rot90(small)

    one_piece(check(process, (RNG.random((12, 10, 3)), 6)))


def test_bilinear_sampling(check):
    def sample(image, y, x):
        y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
        y1, x1 = np.minimum(y0 + 1, image.shape[0] - 1), np.minimum(x0 + 1, image.shape[1] - 1)
        dy, dx = y - y0, x - x0
        top = image[y0, x0] * (1 - dx) + image[y0, x1] * dx
        bottom = image[y1, x0] * (1 - dx) + image[y1, x1] * dx
        return top * (1 - dy) + bottom * dy

    grid = np.meshgrid(np.linspace(0, 14.5, 7), np.linspace(0, 18.5, 9), indexing="ij")
    one_piece(check(sample, (IMAGE, *grid)))


def test_summary_statistics(check):
    def summary(x):
        z = (x - x.mean(0)) / x.std(0, ddof=1)
        skew, kurtosis = (z**3).mean(0), (z**4).mean(0) - 3
        low, middle, high = np.percentile(x, [25, 50, 75], axis=0)
        outlier = (x < low - 1.5 * (high - low)) | (x > high + 1.5 * (high - low))
        return {
            "correlation": np.corrcoef(x, rowvar=False),
            "covariance": (z.T @ z) / (len(z) - 1),
            "moments": (skew, kurtosis),
            "quartiles": [low, middle, high],
            "outliers": outlier.sum(axis=0),
            "clean": x[~outlier.any(axis=1)].mean(axis=0),
        }

    one_piece(check(summary, (DATA,)))


def test_bootstrap(check):
    def bootstrap(rng, x, count):
        index = rng.integers(0, len(x), size=(count, len(x)))
        means = x[index].mean(axis=1)
        return means.mean(), np.quantile(means, [0.025, 0.975])

    check(bootstrap, (np.random.default_rng(3), SIGNAL, 20))


def test_groups(check):
    def by_group(keys, values):
        names, inverse = np.unique(keys, return_inverse=True)
        counts = np.bincount(inverse)
        sums = np.bincount(inverse, weights=values)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0])
        return names, sums / counts, starts, values[order]

    keys = np.array([3, 1, 3, 2, 1, 1, 7])
    one_piece(check(by_group, (keys, np.arange(7.0))))


def test_nearest_neighbours(check):
    def classify(train, labels, test, k):
        d = np.sqrt((test**2).sum(1)[:, None] - 2 * test @ train.T + (train**2).sum(1))
        nearest = np.argsort(d, axis=1)[:, :k]
        votes = labels[nearest]
        counts = (votes[:, :, None] == np.arange(3)).sum(axis=1)
        return counts.argmax(axis=1), np.take_along_axis(d, nearest, axis=1)

    one_piece(check(classify, (POINTS, np.repeat(np.arange(3), 10), POINTS[::5] + 0.1, 3)))


def test_viterbi(check):
    def decode(start, transition, emission, observed):
        score = np.log(start) + np.log(emission[:, observed[0]])
        back = []
        for o in observed[1:]:
            paths = score[:, None] + np.log(transition)
            back.append(paths.argmax(axis=0))
            score = paths.max(axis=0) + np.log(emission[:, o])
        return score, np.array(back)

    t, e = RNG.random((3, 3)) + 0.1, RNG.random((3, 4)) + 0.1
    check(
        decode,
        (
            np.full(3, 1 / 3),
            t / t.sum(1, keepdims=True),
            e / e.sum(1, keepdims=True),
            np.array([0, 2, 3, 1]),
        ),
    )


def test_newton_until_it_converges(check):
    def root(a, tolerance):
        x = np.maximum(a, 1.0)
        count = 0
        while np.max(np.abs(x * x - a)) > tolerance:
            x = 0.5 * (x + a / x)
            count += 1
        return x, count

    check(root, (np.array([2.0, 3.0, 10.0]), 1e-10))


def test_polynomials_and_integrals(check):
    def run(x):
        y = np.polyval([1.0, -2.0, 3.0], x)
        slope = np.gradient(y, x)
        area = np.sum((y[1:] + y[:-1]) / 2 * np.diff(x))
        basis = np.vander(x, 4, increasing=True)
        return slope, area, basis, np.interp(0.5, x, y), np.searchsorted(x, [0.1, 0.7])

    one_piece(check(run, (np.linspace(0, 1, 9) ** 2,)))


def test_mandelbrot(check):
    def escape(width, height, steps):
        y, x = np.ogrid[-1.4 : 1.4 : height * 1j, -2 : 0.8 : width * 1j]
        c = x + y * 1j
        z = c
        times = steps + np.zeros(z.shape, dtype=int)
        for i in range(steps):
            z = z**2 + c
            diverged = (np.abs(z) > 2) & (times == steps)
            times[diverged] = i
            z[np.abs(z) > 2] = 2
        return times

    check(escape, (12, 10, 5))
