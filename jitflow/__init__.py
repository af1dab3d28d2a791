"""jitflow: a tracing JIT compiler for eager NumPy programs.

>>> import jitflow, numpy as np
>>> @jitflow.compile
... def f(a, b):
...     return np.maximum(a * b + 1, 0).sum()
>>> float(f(np.ones(3), np.ones(3)))
6.0
"""

from jitflow.api import (
    compile,
    disable,
    explain,
    is_compiling,
    mark_dynamic,
    reset,
    set_stance,
    stats,
    to_device,
)
from jitflow.control import cond, scan, while_loop
from jitflow.core.config import Config, config
from jitflow.core.errors import GraphBreak, JitflowError, RecompileError, VerifyError

__all__ = [
    "Config",
    "GraphBreak",
    "JitflowError",
    "RecompileError",
    "VerifyError",
    "compile",
    "cond",
    "config",
    "disable",
    "explain",
    "is_compiling",
    "mark_dynamic",
    "reset",
    "scan",
    "set_stance",
    "stats",
    "to_device",
    "while_loop",
]
__version__ = "0.1.0"
