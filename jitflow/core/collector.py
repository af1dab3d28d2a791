"""The garbage collector of Python, held back while the compiler loads and works.

It runs after so many allocations, and the compiler makes many objects that live on: each run would
walk over all that the program has, for nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """No automatic collection within the block, if there would be any."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
