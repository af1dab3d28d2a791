"""Stencils with a time loop: between two arrays, and in place."""

import numpy as np

from benchmarks.programs.registry import program


def _line(n):
    return np.sin(np.linspace(0, 3, n)), 20


def _plane(n):
    return np.random.default_rng(0).random((n, n)), 10


def _cube(n):
    return np.random.default_rng(0).random((n, n, n)), 4


@program(_line, 12, 20_000)
def heat_1d(u, steps):
    """Two arrays that change places."""
    new = np.zeros_like(u)
    new[0], new[-1] = u[0], u[-1]
    for _ in range(steps):
        new[1:-1] = u[1:-1] + 0.25 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u, new = new, u
    return u


@program(_line, 12, 20_000)
def advection_upwind(u, steps):
    c, nt = 0.4, steps
    for n in range(nt):
        un = u.copy()
        u[1:] = un[1:] - c * un[1:] * (un[1:] - un[:-1])
        u[0] = u[-1]
    return u


@program(_line, 12, 20_000)
def wave_1d_leapfrog(u, steps):
    n = len(u)
    past, now = u.copy(), u.copy()
    energy = np.zeros(steps)
    for t in range(steps):
        future = np.empty(n)
        future[1:-1] = 2 * now[1:-1] - past[1:-1] + 0.5 * (now[2:] - 2 * now[1:-1] + now[:-2])
        future[0] = future[-1] = 0.0
        energy[t] = np.sum((future - now) ** 2)
        past, now = now, future
    return now, energy


@program(_plane, 9, 400)
def laplace_2d(u, steps):
    v = u.copy()
    for _ in range(steps):
        v[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
        u[1:-1, 1:-1] = 0.25 * (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2])
    return u


@program(_plane, 9, 400)
def diffusion_in_place(u, steps):
    """The right-hand side reads what the left-hand side overwrites."""
    for _ in range(steps):
        u[1:-1, 1:-1] += 0.1 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        )
        u[0, :] = u[1, :]
        u[-1, :] = u[-2, :]
        u[:, 0] = u[:, 1]
        u[:, -1] = u[:, -2]
    return u.mean()


def _gray_scott_inputs(n):
    u, v = np.ones((n, n)), np.zeros((n, n))
    u[n // 3 : n // 2, n // 3 : n // 2] = 0.5
    v[n // 3 : n // 2, n // 3 : n // 2] = 0.25
    return u, v, 0.035, 0.065, 8


@program(_gray_scott_inputs, 10, 256)
def gray_scott(U, V, f, k, steps):
    """Reaction and diffusion, with views that are taken once."""
    u, v = U[1:-1, 1:-1], V[1:-1, 1:-1]
    for _ in range(steps):
        Lu = U[:-2, 1:-1] + U[1:-1, :-2] - 4 * u + U[1:-1, 2:] + U[2:, 1:-1]
        Lv = V[:-2, 1:-1] + V[1:-1, :-2] - 4 * v + V[1:-1, 2:] + V[2:, 1:-1]
        uvv = u * v * v
        u += 0.16 * Lu - uvv + f * (1 - u)
        v += 0.08 * Lv + uvv - (f + k) * v
    return V


@program(lambda n: ((np.random.default_rng(1).random((n, n)) < 0.3).astype(np.int8), 6), 9, 400)
def game_of_life(grid, steps):
    for _ in range(steps):
        N = np.zeros(grid.shape, dtype=int)
        N[1:-1, 1:-1] += (
            grid[:-2, :-2] + grid[:-2, 1:-1] + grid[:-2, 2:] + grid[1:-1, :-2]
            + grid[1:-1, 2:] + grid[2:, :-2] + grid[2:, 1:-1] + grid[2:, 2:]
        )  # fmt: skip
        birth = (N == 3)[1:-1, 1:-1] & (grid[1:-1, 1:-1] == 0)
        survive = ((N == 2) | (N == 3))[1:-1, 1:-1] & (grid[1:-1, 1:-1] == 1)
        grid[...] = 0
        grid[1:-1, 1:-1][birth | survive] = 1
    return grid


def _shallow_inputs(n):
    x = np.linspace(-1, 1, n)
    h = 1 + 0.1 * np.exp(-20 * (x[:, None] ** 2 + x[None, :] ** 2))
    return h, np.zeros((n, n)), np.zeros((n, n)), 8


@program(_shallow_inputs, 10, 256)
def shallow_water(h, u, v, steps):
    g, dt, dx = 9.81, 0.001, 0.02

    def ddx(f):
        return (np.roll(f, -1, axis=0) - np.roll(f, 1, axis=0)) / (2 * dx)

    def ddy(f):
        return (np.roll(f, -1, axis=1) - np.roll(f, 1, axis=1)) / (2 * dx)

    for _ in range(steps):
        u = u - dt * (u * ddx(u) + v * ddy(u) + g * ddx(h))
        v = v - dt * (u * ddx(v) + v * ddy(v) + g * ddy(h))
        h = h - dt * (ddx(h * u) + ddy(h * v))
    return h, u, v


def _cavity_inputs(n):
    return np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n)), 5, 10


@program(_cavity_inputs, 9, 101)
def cavity(u, v, p, nt, nit):
    """Navier-Stokes in a driven cavity, with an inner loop for the pressure."""
    ny, nx = u.shape
    dx, dy, dt, rho, nu = 2 / (nx - 1), 2 / (ny - 1), 0.0005, 1.0, 0.1
    b = np.zeros((ny, nx))
    for n in range(nt):
        un = u.copy()
        vn = v.copy()
        dudx = (u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx)
        dvdy = (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy)
        dudy = (u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy)
        dvdx = (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx)
        b[1:-1, 1:-1] = rho * (1 / dt * (dudx + dvdy) - dudx**2 - 2 * dudy * dvdx - dvdy**2)
        for q in range(nit):
            pn = p.copy()
            p[1:-1, 1:-1] = (
                (pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2
            ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[0:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu * dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
            + nu * dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1])
        )
        u[0, :] = u[:, 0] = u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = v[-1, :] = v[:, 0] = v[:, -1] = 0
    return u, v, p


@program(_cube, 6, 64)
def heat_3d(u, steps):
    v = np.copy(u)
    for _ in range(steps):
        v[1:-1, 1:-1, 1:-1] = (
            0.125 * (u[2:, 1:-1, 1:-1] - 2.0 * u[1:-1, 1:-1, 1:-1] + u[:-2, 1:-1, 1:-1])
            + 0.125 * (u[1:-1, 2:, 1:-1] - 2.0 * u[1:-1, 1:-1, 1:-1] + u[1:-1, :-2, 1:-1])
            + 0.125 * (u[1:-1, 1:-1, 2:] - 2.0 * u[1:-1, 1:-1, 1:-1] + u[1:-1, 1:-1, :-2])
            + u[1:-1, 1:-1, 1:-1]
        )
        u, v = v, u
    return u


@program(_cube, 6, 64)
def wave_3d(u, steps):
    before = u.copy()
    for i in range(steps):
        lap = -6.0 * u
        for axis in range(3):
            lap += np.roll(u, 1, axis) + np.roll(u, -1, axis)
        after = 2 * u - before + 0.1 * lap
        before, u = u, after
    return u


@program(_cube, 6, 64)
def maxwell_curl(e, steps):
    """Staggered fields, updated in place through slices."""
    ex, ey, ez = e.copy(), e.copy() * 0.5, e.copy() * 0.25
    hx, hy, hz = np.zeros_like(e), np.zeros_like(e), np.zeros_like(e)
    for _ in range(steps):
        hx[:, :-1, :-1] += 0.3 * (
            (ey[:, :-1, 1:] - ey[:, :-1, :-1]) - (ez[:, 1:, :-1] - ez[:, :-1, :-1])
        )
        hy[:-1, :, :-1] += 0.3 * (
            (ez[1:, :, :-1] - ez[:-1, :, :-1]) - (ex[:-1, :, 1:] - ex[:-1, :, :-1])
        )
        hz[:-1, :-1, :] += 0.3 * (
            (ex[:-1, 1:, :] - ex[:-1, :-1, :]) - (ey[1:, :-1, :] - ey[:-1, :-1, :])
        )
        ex[:, 1:, 1:] += 0.3 * ((hz[:, 1:, 1:] - hz[:, :-1, 1:]) - (hy[:, 1:, 1:] - hy[:, 1:, :-1]))
        ey[1:, :, 1:] += 0.3 * ((hx[1:, :, 1:] - hx[1:, :, :-1]) - (hz[1:, :, 1:] - hz[:-1, :, 1:]))
        ez[1:, 1:, :] += 0.3 * ((hy[1:, 1:, :] - hy[:-1, 1:, :]) - (hx[1:, 1:, :] - hx[1:, :-1, :]))
    return ex, ey, ez, hx, hy, hz
