"""Quantum mechanics and spectral methods on complex numbers."""

import numpy as np

from benchmarks.programs.registry import program


@program(lambda n: (n, 10), 16, 1024)
def split_operator(n, steps):
    x = np.linspace(-5, 5, n)
    k = 2 * np.pi * np.fft.fftfreq(n, d=x[1] - x[0])
    psi = np.exp(-((x - 1) ** 2) + 1j * x)
    psi /= np.sqrt(np.sum(np.abs(psi) ** 2))
    half = np.exp(-0.5j * 0.5 * x**2 * 0.01)
    kinetic = np.exp(-0.5j * k**2 * 0.01)
    centre = np.zeros(steps)
    for t in range(steps):
        psi *= half
        psi = np.fft.ifft(kinetic * np.fft.fft(psi))
        psi *= half
        centre[t] = np.sum(x * np.abs(psi) ** 2)
    return psi, centre


@program(lambda n: (np.random.default_rng(0).random(n) + 0j,), 16, 128)
def dft_by_definition(x):
    n = len(x)
    X = np.zeros(n, dtype=complex)
    for k in range(n):
        for t in range(n):
            X[k] += x[t] * np.exp(-2j * np.pi * k * t / n)
    return X


@program(lambda n: (np.random.default_rng(0).random(n) + 0j,), 16, 1024)
def stockham_fft(x):
    y = x.copy()
    n, s = len(x), 1
    while n > 1:
        m = n // 2
        w = np.exp(-2j * np.pi * np.arange(m) / n)
        a = y.reshape(2, m, s)
        out = np.empty((m, 2, s), dtype=complex)
        out[:, 0, :] = a[0] + a[1]
        out[:, 1, :] = (a[0] - a[1]) * w[:, None]
        y = out.reshape(-1)
        n, s = m, 2 * s
    return y


@program(lambda n: (np.exp(1j * np.linspace(0, 6, n)), 6), 12, 4_000)
def crank_nicolson(psi, steps):
    n, r = len(psi), 0.1j
    psi[0] = psi[-1] = 0
    for _ in range(steps):
        d = np.empty(n, dtype=complex)
        d[1:-1] = psi[1:-1] + r * (psi[2:] - 2 * psi[1:-1] + psi[:-2])
        c = np.zeros(n, dtype=complex)
        for i in range(1, n - 1):
            m = (1 + 2 * r) + r * c[i - 1]
            c[i] = -r / m
            d[i] = (d[i] + r * (d[i - 1] if i > 1 else 0)) / m
        psi[n - 2] = d[n - 2]
        for i in range(n - 3, 0, -1):
            psi[i] = d[i] - c[i] * psi[i + 1]
    return psi, np.sum(np.abs(psi) ** 2)


@program(lambda n: (n,), 3, 10)
def grover(qubits):
    size = 2**qubits
    target = size // 3
    state = np.ones(size, dtype=complex) / np.sqrt(size)
    for _ in range(int(np.pi / 4 * np.sqrt(size))):
        state[target] *= -1
        state = 2 * state.mean() - state
    return np.argmax(np.abs(state)), np.abs(state) ** 2


@program(lambda n: (n,), 3, 10)
def quantum_circuit(qubits):
    """Gates on one qubit after the other, through reshaped views."""
    h = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)
    state = np.zeros(2**qubits, dtype=complex)
    state[0] = 1
    for q in range(qubits):
        s = state.reshape(2**q, 2, -1)
        state = np.einsum("ab,ibj->iaj", h, s).reshape(-1)
    for q in range(qubits - 1):
        s = state.reshape(2**q, 2, 2, -1)
        phase = np.exp(1j * np.pi / 2 ** (q + 1))
        s[:, 1, 1, :] *= phase
        state = s.reshape(-1)
    return state, np.abs(state) ** 2


@program(lambda n: (np.random.default_rng(0).random((n, n)), 0.5), 6, 100)
def green_function(h, eta):
    """A matrix inverse at each energy, and traces of products."""
    h = h + h.T
    n = len(h)
    density = []
    for energy in np.linspace(-2, 2, 5):
        g = np.linalg.inv((energy + 1j * eta) * np.eye(n) - h)
        density.append(-np.trace(g).imag / np.pi)
        transmission = np.trace(g @ g.conj().T).real
    return np.array(density), transmission


@program(lambda n: (n, 10), 16, 512)
def burgers_spectral(n, steps):
    x = np.arange(n) * 2 * np.pi / n
    u = np.sin(x)
    k = np.fft.fftfreq(n, 1.0 / n)
    keep = np.abs(k) < n / 3
    for _ in range(steps):
        hat = np.fft.fft(u)
        ux = np.real(np.fft.ifft(1j * k * hat))
        uxx = np.real(np.fft.ifft(-(k**2) * hat))
        u = u + 0.001 * (-u * ux + 0.05 * uxx)
        u = np.fft.ifft(np.fft.fft(u) * keep).real
    return u
