"""Tests of the GPU back end that need Triton, but no GPU.

``interpreted`` runs kernels in Triton's interpreter (``TRITON_INTERPRET=1`` in the environment),
``compiled`` makes code for devices (without it): one process cannot do both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _has_triton() -> bool:
    try:
        import triton.language
    except ImportError:
        return False
    return bool(triton.language)


WANTED = "interpreted" if os.environ.get("TRITON_INTERPRET") == "1" else "compiled"


class _Skipped(pytest.Module):
    """A module that is counted as skipped and not imported."""

    def collect(self):
        pytest.skip("needs Triton, in an environment that fits", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    if module_path.parent.name in ("interpreted", "compiled"):
        if module_path.parent.name != WANTED or not _has_triton():
            return _Skipped.from_parent(parent, path=module_path)
    return None
