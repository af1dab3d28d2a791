"""A function with three things that need Python in the middle: see its break report."""

from __future__ import annotations

import numpy as np


def describe(x):
    """Normalise, report, and choose by the data: a print, a branch on data, an unsupported call."""
    z = (x - x.mean()) / (x.std() + 1e-8)
    print("normalised", z.shape)
    if z.max() > 3.0:
        z = np.clip(z, -3.0, 3.0)
    peaks = np.unique(np.round(z * 4.0))
    return np.exp(-z * z).sum() + peaks.shape[0]
