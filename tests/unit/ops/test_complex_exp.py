"""Exponentials of complex numbers: accuracy, special values, warnings."""

import warnings

import mpmath
import numpy as np
import pytest

import jitflow

EDGES = [0.0, -0.0, 1.0, -0.5, 88.5, 100.0, -100.0, 709.5, 720.0, 1405.0, 2000.0, -745.0, -800.0]
EDGES += [np.pi / 2, 1e5, 1e10, np.inf, -np.inf, np.nan]


@jitflow.compile
def compiled(z):
    return np.exp(z)


def pairs(real, imaginary, dtype):
    z = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imaginary)), dtype)
    z.real, z.imag = real, imaginary
    return z


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_special_values(dtype):
    edges = np.array(EDGES)
    z = pairs(edges[:, None], edges, dtype)
    with np.errstate(all="ignore"):
        got, wanted = compiled(z), np.exp(z)
    for one, other in ((got.real, wanted.real), (got.imag, wanted.imag)):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        known = ~np.isnan(other)
        np.testing.assert_array_equal(np.signbit(one)[known], np.signbit(other)[known])
        with np.errstate(invalid="ignore"):
            near = np.abs(one - other) <= 4 * np.spacing(np.abs(other))
        assert np.all(near | (one == other) | ~known)


@pytest.mark.parametrize("dtype,bits", [(np.complex64, 24), (np.complex128, 53)])
def test_accuracy(dtype, bits):
    rng = np.random.default_rng(0)
    z = pairs(rng.uniform(-80, 88, 1500), rng.uniform(-500, 500, 1500), dtype)
    with mpmath.workprec(160):
        for number, value in zip(z.tolist(), compiled(z).tolist(), strict=True):
            exact = mpmath.exp(mpmath.mpc(number))
            assert abs(mpmath.mpc(value) - exact) <= 2 * abs(exact) * mpmath.mpf(2) ** -bits


@pytest.mark.parametrize(
    "number",
    [1 + 1j, 800 + 1j, complex(1, np.inf), complex(1, np.nan), complex(np.inf, 1), -800 + 1j,
     complex(-np.inf, np.inf), complex(np.nan, 0), complex(np.inf, 0), complex(np.nan, np.inf)],
)  # fmt: skip
def test_warnings(number):
    def messages(function):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function(np.full(5, number))
        return [str(warning.message) for warning in caught]

    assert messages(compiled) == messages(np.exp)


def test_phases_are_native():
    def turn(phase, state):
        return np.exp(-1j * phase) * state

    function = jitflow.compile(turn)
    phase, state = np.linspace(0, 7, 1000), np.linspace(1, 2, 1000) + 0.5j
    np.testing.assert_allclose(function(phase, state), turn(phase, state), rtol=1e-14)
    assert "0 call-outs" in str(function.report())
