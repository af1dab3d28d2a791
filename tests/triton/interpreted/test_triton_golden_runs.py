"""The golden kernels in the interpreter, against the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import triton_running
from helpers.triton_golden import FILES, inputs_of

from jitflow.codegen.triton.frame import LIMITS
from jitflow.core.errors import CheckFailed
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_means_what_the_graph_means(path: Path) -> None:
    source = path.read_text().partition("# expect:")[0]
    graph = parse(source)
    inputs = inputs_of(graph, source)
    if path.stem == "total":  # as it stands: parts of the row
        found = triton_running.run(graph, *inputs, limits=LIMITS)
        np.testing.assert_allclose(found[0], np.sum(inputs[0].astype("f8") ** 2), rtol=1e-6)
        return
    copies = [np.array(x) for x in inputs]
    expected = interpret(graph, copies, write=True)
    found = triton_running.run(graph, *inputs)
    for result, wanted in zip([*found, *inputs], [*expected, *copies], strict=True):
        rtol, atol = (2e-2, 1e-3) if "f16" in source else (2e-5, 1e-5)
        if "bf16" in source:
            result, wanted = np.asarray(result, "f4"), np.asarray(wanted, "f4")
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=atol)


def test_a_failed_check_is_reported_and_writes_nothing() -> None:
    graph = parse("""
    graph @f(%x: f32[40], %d: f32[30], %i: i64[30]) -> () {
      %g: f32[30] = gather %x, %i {axes=[0]}
      %s: f32[30] = add %g, %d
      %n: f32[40] = update %x, %s {views=[slice{starts=[5], steps=[1], shape=[30]}]}
      write %x = %n
      return
    }
    """)
    x, d = np.arange(40, dtype="f4"), np.ones(30, "f4")
    index = np.arange(30)
    triton_running.run(graph, x, d, index)
    assert x[5] == 1.0
    before = x.copy()
    index[17] = 40
    with pytest.raises(CheckFailed):
        triton_running.run(graph, x, d, index)
    np.testing.assert_array_equal(x, before)
