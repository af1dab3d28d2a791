"""Insertion, slopes, frequencies, positions: against NumPy, also with symbolic extents."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import X, check, lines

OTHER = np.arange(20.0).reshape(4, 5) - 3

CASES = """
np.insert(x[0], 1, 9.0)
np.insert(x[0], -1, [9.0, 8.0])
np.insert(x, 1, 0.0, axis=0)
np.insert(x, 0, x[0], axis=0)
np.insert(x, 1, x[:, 0], axis=1)
np.insert(x, 2, 5)
np.gradient(x, 0.5, axis=0)
np.gradient(x[0], edge_order=2)
np.gradient(x, x[:, 0] ** 2, axis=0)
np.gradient(x, x[:, 0], axis=0, edge_order=2)
np.gradient(x[0], x[1] ** 2, edge_order=2)
np.fft.fftfreq(x.shape[1], 0.1)
np.fft.rfftfreq(x.shape[1])
np.unravel_index(x.argmax(), x.shape)
"""
KNOWN = """
np.unravel_index(np.argsort(x, axis=None)[:2], x.shape)
np.insert(x[0], [1, 3], 9.0)
np.insert(x[0], slice(0, 2), [1.0, 2.0])
np.fft.fftshift(x)
np.fft.ifftshift(x, axes=1)
np.unravel_index(x.argmax(), x.shape, order='F')
"""


@pytest.mark.parametrize("source", lines(CASES))
def test_any_extent(source):
    check(source, X)
    check(source, X, again=[(OTHER,)], dynamic={"*"})


@pytest.mark.parametrize("source", lines(KNOWN))
def test_known_extents(source):
    check(source, X)
