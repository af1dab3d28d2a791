"""Bodies that attract each other."""

import math

import numpy as np

from benchmarks.programs.registry import program


def _bodies(n):
    rng = np.random.default_rng(17)
    return rng.standard_normal((n, 3)), rng.standard_normal((n, 3)), np.full((n, 1), 20.0 / n), 5


def acceleration(pos, mass, G, softening):
    x, y, z = pos[:, 0:1], pos[:, 1:2], pos[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    inv_r3 = dx**2 + dy**2 + dz**2 + softening**2
    inv_r3[inv_r3 > 0] = inv_r3[inv_r3 > 0] ** (-1.5)
    ax = G * (dx * inv_r3) @ mass
    ay = G * (dy * inv_r3) @ mass
    az = G * (dz * inv_r3) @ mass
    return np.hstack((ax, ay, az))


def energy(pos, vel, mass, G):
    kinetic = 0.5 * np.sum(mass * vel**2)
    x, y, z = pos[:, 0:1], pos[:, 1:2], pos[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    inv_r = np.sqrt(dx**2 + dy**2 + dz**2)
    inv_r[inv_r > 0] = 1.0 / inv_r[inv_r > 0]
    potential = G * np.sum(np.sum(np.triu(-(mass * mass.T) * inv_r, 1)))
    return kinetic, potential


@program(_bodies, 5, 100)
def leapfrog(pos, vel, mass, steps):
    G, softening, dt = 1.0, 0.1, 0.01
    vel -= np.mean(mass * vel, 0) / np.mean(mass)
    acc = acceleration(pos, mass, G, softening)
    KE, PE = np.zeros(steps + 1), np.zeros(steps + 1)
    KE[0], PE[0] = energy(pos, vel, mass, G)
    t = 0.0
    for i in range(steps):
        vel += acc * dt / 2.0
        pos += vel * dt
        acc = acceleration(pos, mass, G, softening)
        vel += acc * dt / 2.0
        t += dt
        KE[i + 1], PE[i + 1] = energy(pos, vel, mass, G)
    return pos, vel, KE, PE


@program(_bodies, 5, 60)
def pairs_by_element(position, velocity, mass, steps):
    n, dt = len(position), 0.01
    for _ in range(steps):
        force = np.zeros_like(position)
        for i in range(n):
            for j in range(i + 1, n):
                dx = position[j, 0] - position[i, 0]
                dy = position[j, 1] - position[i, 1]
                dz = position[j, 2] - position[i, 2]
                r2 = dx * dx + dy * dy + dz * dz + 0.01
                f = mass[i, 0] * mass[j, 0] / (r2 * math.sqrt(r2))
                force[i, 0] += f * dx
                force[i, 1] += f * dy
                force[i, 2] += f * dz
                force[j, 0] -= f * dx
                force[j, 1] -= f * dy
                force[j, 2] -= f * dz
        velocity += dt * force / mass
        position += dt * velocity
    return position


@program(_bodies, 5, 100)
def rows_of_forces(position, velocity, mass, steps):
    n = position.shape[0]
    for step in range(steps):
        acc = np.zeros((n, 3))
        for i in range(n):
            r = position - position[i]
            d = np.sqrt((r**2).sum(axis=1)) + 0.1
            acc[i] = (r * (mass[:, 0] / d**3)[:, np.newaxis]).sum(axis=0)
        velocity = velocity + acc * 0.01
        position = position + velocity * 0.01
    return position, velocity


@program(lambda n: (np.random.default_rng(0).random((n, 2)) * 4, 4.0, 6), 9, 120)
def lennard_jones(x, box, steps):
    """Periodic, with a cut-off, and a histogram of distances."""
    v = np.zeros_like(x)
    hist = np.zeros(10)
    for _ in range(steps):
        d = x[:, None, :] - x[None, :, :]
        d -= box * np.round(d / box)
        r2 = np.sum(d * d, axis=-1)
        np.fill_diagonal(r2, np.inf)
        r2 = np.maximum(r2, 0.3)
        near = r2 < 2.25
        s6 = np.where(near, 0.01 / r2**3, 0.0)
        f = (24 * (2 * s6**2 - s6) / r2)[..., None] * d
        v += 1e-3 * f.sum(axis=1)
        x = (x + 1e-3 * v) % box
        counts, _ = np.histogram(np.sqrt(r2[near]), bins=10, range=(0, 1.5))
        hist += counts
    return x, v, hist
