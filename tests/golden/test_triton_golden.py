"""Golden Triton sources: ``triton/*.jir``, each with a graph and the kernels that it becomes.

They are made without Triton; what they compute is tested in ``tests/triton/interpreted``, and how
they compile in ``tests/triton/compiled``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.golden import Golden
from helpers.triton_golden import FILES, inputs_of, note
from unit.codegen.running import segment_of

from jitflow.codegen.triton.kernel import HEAD
from jitflow.codegen.triton.program import compile_segment
from jitflow.ir.parser import parse


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_source(path: Path, bless: bool) -> None:
    golden = Golden.read(path)
    graph = parse(golden.source)
    program = compile_segment(segment_of(graph, inputs_of(graph, golden.source)))
    assert len(program.kernels) == int(note(golden.source, "kernels") or 1)
    parts = []
    for kernel in program.kernels:
        assert kernel.source.startswith(HEAD)
        grid = " x ".join(f"ceil({blocks.extent} / {blocks.size})" for blocks in kernel.grid)
        head = f"# grid {grid}, {kernel.options.num_warps} warps"
        parts.append(f"{head}\n{kernel.source.removeprefix(HEAD)}")
    text = "\n\n".join(parts)
    if bless:
        golden.bless(text)
    else:
        assert text == golden.expected
