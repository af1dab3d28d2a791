"""The vector math library: functions of a real argument as instructions of an `Emitter`.

Owns the accuracy and the special values of transcendental functions. The same text serves every
lane count: there is no table lookup and no instruction of one processor. All functions set the
flags divide, overflow and invalid where NumPy warns, and nowhere else.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math.bounds import BOUNDS
from jitflow.codegen.cpu.math.library import NAMES, emit, emit_residue

__all__ = ["BOUNDS", "NAMES", "emit", "emit_residue"]
