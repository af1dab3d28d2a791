"""Lattice Boltzmann and other cellular methods."""

import numpy as np

from benchmarks.programs.registry import program


def _channel(n):
    rng = np.random.default_rng(42)
    F = np.ones((n, 2 * n, 9)) + 0.01 * rng.standard_normal((n, 2 * n, 9))
    x, y = np.meshgrid(range(2 * n), range(n))
    F[:, :, 3] += 2 * (1 + 0.2 * np.cos(2 * np.pi * x / (2 * n) * 4))
    return F, (x - n / 2) ** 2 + (y - n / 2) ** 2 < (n / 4) ** 2, 4


@program(_channel, 8, 80)
def flow_past_cylinder(F, cylinder, steps):
    cxs = np.array([0, 0, 1, 1, 1, 0, -1, -1, -1])
    cys = np.array([0, 1, 1, 0, -1, -1, -1, 0, 1])
    weights = np.array([4 / 9, 1 / 9, 1 / 36, 1 / 9, 1 / 36, 1 / 9, 1 / 36, 1 / 9, 1 / 36])
    idxs, tau = np.arange(9), 0.6
    for it in range(steps):
        for i, cx, cy in zip(idxs, cxs, cys):
            F[:, :, i] = np.roll(F[:, :, i], cx, axis=1)
            F[:, :, i] = np.roll(F[:, :, i], cy, axis=0)
        bndryF = F[cylinder, :]
        bndryF = bndryF[:, [0, 5, 6, 7, 8, 1, 2, 3, 4]]
        rho = np.sum(F, 2)
        ux = np.sum(F * cxs, 2) / rho
        uy = np.sum(F * cys, 2) / rho
        Feq = np.zeros(F.shape)
        for i, cx, cy, w in zip(idxs, cxs, cys, weights):
            Feq[:, :, i] = rho * w * (
                1 + 3 * (cx * ux + cy * uy) + 9 * (cx * ux + cy * uy) ** 2 / 2
                - 3 * (ux**2 + uy**2) / 2
            )  # fmt: skip
        F += -(1.0 / tau) * (F - Feq)
        F[cylinder, :] = bndryF
    return F


@program(lambda n: (np.full((9, n, n), 1 / 9), 6), 8, 100)
def lid_driven_lattice(f, steps):
    c = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)]
    w = [4 / 9] + [1 / 9] * 4 + [1 / 36] * 4
    opposite = [0, 3, 4, 1, 2, 7, 8, 5, 6]
    for _ in range(steps):
        rho = f.sum(axis=0)
        u = sum(c[k][0] * f[k] for k in range(9)) / rho
        v = sum(c[k][1] * f[k] for k in range(9)) / rho
        usq = 1.5 * (u**2 + v**2)
        for k in range(9):
            cu = 3 * (c[k][0] * u + c[k][1] * v)
            f[k] += 1.2 * (w[k] * rho * (1 + cu + 0.5 * cu**2 - usq) - f[k])
        old = f.copy()
        for k in range(9):
            f[k] = np.roll(old[k], c[k], axis=(0, 1))
        f[:, 0, :] = old[opposite, 0, :]
        f[:, -1, :] = old[opposite, -1, :]
        f[:, :, 0] = old[opposite][:, :, 0]
        f[8, :, -1] = old[6, :, -1] + 0.01
    return f


@program(lambda n: (np.random.default_rng(0).choice([-1, 1], (n, n)), 0.44, 3), 8, 64)
def ising_checkerboard(spins, beta, sweeps):
    rng = np.random.RandomState(1)
    n = spins.shape[0]
    magnetisation = []
    parity = np.add.outer(np.arange(n), np.arange(n)) % 2
    for _ in range(sweeps):
        for colour in range(2):
            near = (
                np.roll(spins, 1, 0) + np.roll(spins, -1, 0)
                + np.roll(spins, 1, 1) + np.roll(spins, -1, 1)
            )  # fmt: skip
            cost = 2 * spins * near
            flip = (rng.rand(n, n) < np.exp(-beta * cost)) & (parity == colour)
            spins = np.where(flip, -spins, spins)
        magnetisation.append(spins.mean())
    return spins, magnetisation


def _gas(n):
    rho = np.ones((n, n))
    rho[:, n // 4 : 3 * n // 4] = 2.0
    return rho, np.where(rho > 1.5, 0.5, -0.5), np.full((n, n), 2.5), 4


def gradient(f, dx):
    R, L = -1, 1
    fx = (np.roll(f, R, axis=0) - np.roll(f, L, axis=0)) / (2 * dx)
    fy = (np.roll(f, R, axis=1) - np.roll(f, L, axis=1)) / (2 * dx)
    return fx, fy


@program(_gas, 8, 128)
def finite_volume_euler(rho, vx, P, steps):
    """Compressible gas with Rusanov fluxes; the time step depends on the data."""
    n, gamma, courant = rho.shape[0], 5 / 3, 0.4
    dx, t = 1.0 / n, 0.0
    vy = 0.1 * np.sin(4 * np.pi * np.linspace(0, 1, n))[:, None] * np.ones((1, n))
    mass, momx, momy = rho * dx**2, rho * vx * dx**2, rho * vy * dx**2
    total = (P / (gamma - 1) + 0.5 * rho * (vx**2 + vy**2)) * dx**2
    for _ in range(steps):
        rho = mass / dx**2
        vx, vy = momx / rho / dx**2, momy / rho / dx**2
        P = (total / dx**2 - 0.5 * rho * (vx**2 + vy**2)) * (gamma - 1)
        dt = courant * np.min(dx / (np.sqrt(gamma * P / rho) + np.sqrt(vx**2 + vy**2)))
        drx, dry = gradient(rho, dx)
        left = rho - drx * dx / 2
        left = np.roll(left, -1, axis=0)
        right = rho + drx * dx / 2
        speed = np.maximum(np.abs(vx), np.abs(np.roll(vx, -1, axis=0))) + 1.0
        flux = 0.5 * (left * vx + right * vx) - 0.5 * speed * (left - right)
        mass = mass - dt * dx * (flux - np.roll(flux, 1, axis=0))
        momx = momx - dt * dx * 0.1 * (drx + dry)
        t += dt
    return mass, momx, momy, t
