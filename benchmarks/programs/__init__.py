"""Whole NumPy programs, written as scientists write them: for tests and for timing.

One module a kind. Tests run each program with small inputs (`tests/programs/test_registry.py`);
``python -m benchmarks.programs`` times them with large ones.
"""


def main() -> None:
    """Time every program against plain NumPy."""
    from benchmarks.programs.__main__ import main as measure

    measure([])
