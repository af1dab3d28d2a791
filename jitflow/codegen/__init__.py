"""From graphs to kernels: fusion, loop IR, schedule, buffers; back ends in `cpu` and `triton`.

Knows IR and operators; knows neither Python frames nor dispatch.
"""

from jitflow.codegen.support import has_code, supports

__all__ = ["has_code", "supports"]
