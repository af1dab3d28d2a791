"""Places of true elements: eight at a time, or one by one, the same."""

from __future__ import annotations

import numpy as np
import pytest
from unit.codegen import running

from jitflow.codegen.cpu import counting, target
from jitflow.codegen.cpu.counting import counting_of
from jitflow.codegen.loop_ir import Loop
from jitflow.codegen.program import lower
from jitflow.core.dataclass import replace
from jitflow.ir.parser import parse

PLACES = """
graph @places(%m: bool[s0], %c: i64[]) -> i64[s1]
    where s0 = %m.shape[0], s1 = %c {
  %t: i64[s1] = nonzero %m {count=s1}
  return %t
}
"""


def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.random(n) < p for n in (0, 1, 7, 8, 9, 40, 1000) for p in (0, 0.1, 0.5, 1)]


@pytest.mark.parametrize("is_wide", [True, False])
def test_places_are_those_of_numpy(is_wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_wide:
        monkeypatch.setattr(counting, "counting_of", lambda loop, target: None)
    for mask in masks():
        count = int(mask.sum())
        (found,) = running.run(parse(PLACES), mask, np.array(count))
        np.testing.assert_array_equal(found, np.flatnonzero(mask))


def test_only_a_processor_that_compresses_takes_vectors() -> None:
    mask = np.zeros(20, bool)
    kernels = lower(running.segment_of(parse(PLACES), [mask, np.array(0)])).program.kernels
    loop = next(item for kernel in kernels for item in kernel.body if isinstance(item, Loop))
    host = target.host()
    plain = replace(host, features=host.features - {"avx512f"})
    wide = replace(host, triple="x86_64-unknown-linux", features=host.features | {"avx512f"})
    assert counting_of(loop, plain) is None
    assert counting_of(loop, wide) is not None
