"""Other sizes of the tiles of a product, for a tuner."""

from __future__ import annotations

import numpy as np
from unit.codegen.running import segment_of

from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.codegen.triton.program import compile_segment
from jitflow.ir.parser import parse

LAYER = """
graph @f(%x: f16[512,64], %w: f16[64,512]) -> f16[512,512] {
  %p: f16[512,512] = matmul %x, %w
  %r: f16[512,512] = tanh %p
  return %r
}
"""

STREAM = """
graph @f(%q: f32[300,64], %k: f32[64,300], %v: f32[300,64]) -> f32[300,64] {
  %s: f32[300,300] = matmul %q, %k
  %r: f32[300,300] = exp %s
  %o: f32[300,64] = matmul %r, %v
  return %o
}
"""


def kernel(text: str) -> GeneratedKernel:
    graph = parse(text)
    shapes = [(value.type.shape, value.type.dtype.numpy) for value in graph.inputs]
    inputs = [np.ones(shape, dtype) for shape, dtype in shapes]
    (made,) = compile_segment(segment_of(graph, inputs)).kernels
    return made


def others(made: GeneratedKernel) -> list[GeneratedKernel]:
    assert made.alternatives is not None
    return made.alternatives()


def test_tiles_of_a_product() -> None:
    usual = kernel(LAYER)
    found = others(usual)
    assert [blocks.size for blocks in usual.grid] == [128, 128]
    sizes = {tuple(blocks.size for blocks in made.grid) for made in found}
    assert {(64, 128), (128, 64), (128, 256)} <= sizes
    assert all(made.parameters == usual.parameters for made in found)
    texts = [(made.source, made.options) for made in found]
    assert len(set(texts)) == len(texts)
    assert (usual.source, usual.options) not in texts


def test_streams_keep_their_columns() -> None:
    usual = kernel(STREAM)
    found = others(usual)
    assert usual.name.startswith("kernel_stream")
    assert {made.grid[0].size for made in found} == {32, 64, 128}
    assert all("[64, 64]" in made.source for made in found if made.grid[0].size == 64)
    assert {made.options.num_warps for made in found} == {4, 8}
