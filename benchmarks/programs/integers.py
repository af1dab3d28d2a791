"""Monte-Carlo and hash-like loops over integers."""

import numpy as np

from benchmarks.programs.registry import program


@program(lambda n: (n,), 50, 100_000)
def sieve(n):
    prime = np.ones(n + 1, dtype=bool)
    prime[:2] = False
    i = 2
    while i * i <= n:
        if prime[i]:
            prime[i * i :: i] = False
        i += 1
    return np.nonzero(prime)[0]


@program(lambda n: (n, 12345), 50, 100_000)
def pi_by_congruential(n, seed):
    inside = 0
    for _ in range(n):
        seed = (1103515245 * seed + 12345) & 0x7FFFFFFF
        x = seed / 0x7FFFFFFF
        seed = (1103515245 * seed + 12345) & 0x7FFFFFFF
        y = seed / 0x7FFFFFFF
        if x * x + y * y < 1.0:
            inside += 1
    return 4.0 * inside / n


@program(lambda n: (np.random.default_rng(0).integers(0, 256, n, dtype=np.uint8),), 30, 20_000)
def fnv_hash(data):
    h = 0x811C9DC5
    for byte in data:
        h ^= int(byte)
        h = (h * 0x01000193) & 0xFFFFFFFF
    return h


@program(lambda n: (np.random.default_rng(0).integers(0, 256, n, dtype=np.uint8),), 20, 20_000)
def crc32(data):
    table = np.zeros(256, dtype=np.uint32)
    for i in range(256):
        c = i
        for _ in range(8):
            c = (c >> 1) ^ 0xEDB88320 if c & 1 else c >> 1
        table[i] = c
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ int(table[(crc ^ byte) & 0xFF])
    return crc ^ 0xFFFFFFFF


@program(lambda n: (np.arange(n, dtype=np.uint32),), 30, 50_000)
def xorshift_lanes(state):
    state = state + np.uint32(1)
    total = np.zeros(len(state))
    for _ in range(8):
        state ^= state << np.uint32(13)
        state ^= state >> np.uint32(17)
        state ^= state << np.uint32(5)
        total += state / 2**32
    return total, state


@program(lambda n: (n, 7), 40, 20_000)
def random_walk(steps, seed):
    rng = np.random.default_rng(seed)
    position = np.zeros(2, dtype=int)
    path = np.empty((steps, 2), dtype=int)
    moves = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    for t, k in enumerate(rng.integers(0, 4, steps)):
        position = position + moves[k]
        path[t] = position
    return path


@program(lambda n: (n, 3), 20, 2_000)
def metropolis(n, seed):
    np.random.seed(seed)
    x, accepted = 0.0, 0
    samples = np.zeros(n)
    for i in range(n):
        candidate = x + np.random.uniform(-1, 1)
        if np.random.rand() < np.exp(-(candidate**2 - x**2) / 2):
            x = candidate
            accepted += 1
        samples[i] = x
    return samples, accepted / n


@program(lambda n: (100.0, 105.0, 1.0, 0.05, 0.2, n), 30, 20_000)
def asian_option(spot, strike, years, rate, sigma, paths):
    rng = np.random.default_rng(0)
    steps = 12
    dt = years / steps
    s = np.full(paths, spot)
    average = np.zeros(paths)
    for _ in range(steps):
        z = rng.standard_normal(paths)
        s *= np.exp((rate - 0.5 * sigma**2) * dt + sigma * np.sqrt(dt) * z)
        average += s
    payoff = np.maximum(average / steps - strike, 0)
    price = np.exp(-rate * years) * payoff.mean()
    return price, payoff.std() / np.sqrt(paths)


@program(lambda n: (np.random.default_rng(0).integers(0, 1000, n),), 20, 300)
def bubble_sort(values):
    n = len(values)
    swaps = 0
    for i in range(n):
        done = True
        for j in range(n - 1 - i):
            if values[j] > values[j + 1]:
                values[j], values[j + 1] = values[j + 1], values[j]
                swaps += 1
                done = False
        if done:
            break
    return swaps


@program(lambda n: (np.sort(np.random.default_rng(0).random(n)), np.linspace(0, 1, n)), 20, 5_000)
def binary_search(table, wanted):
    found = np.empty(len(wanted), dtype=np.int64)
    for k, value in enumerate(wanted):
        low, high = 0, len(table)
        while low < high:
            middle = (low + high) // 2
            if table[middle] < value:
                low = middle + 1
            else:
                high = middle
        found[k] = low
    return found


@program(lambda n: (n,), 30, 3_000)
def totients(n):
    phi = np.arange(n + 1)
    for p in range(2, n + 1):
        if phi[p] == p:
            for m in range(p, n + 1, p):
                phi[m] -= phi[m] // p
    return phi


@program(lambda n: (np.arange(1, n + 1), 1_000_003), 10, 3_000)
def modular_powers(bases, modulus):
    out = np.zeros_like(bases)
    for i, base in enumerate(bases):
        result, b, e = 1, int(base) % modulus, 65537
        while e > 0:
            if e & 1:
                result = result * b % modulus
            b = b * b % modulus
            e >>= 1
        out[i] = result
    return out
