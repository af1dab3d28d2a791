"""The golden kernels as machine code: memory instructions, registers, arithmetic that was asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.random_graphs import Maker
from helpers.triton_assembly import assemble
from helpers.triton_golden import FILES, inputs_of, numbers
from unit.codegen.running import segment_of

from jitflow.codegen.triton.compile import Request, compile_kernel
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.codegen.triton.program import compile_segment
from jitflow.core.config import config
from jitflow.ir.parser import parse

MOST_SHARED = {80: 166912, 90: 232448}
SPILLED = {"long_scan": 8}
"""Bytes, with some versions of Triton."""


def kernels_of(path: Path, fastmath: bool = False) -> tuple[list[GeneratedKernel], str]:
    source = path.read_text().partition("# expect:")[0]
    graph = parse(source)
    segment = segment_of(graph, inputs_of(graph, source), fastmath=fastmath)
    return compile_segment(segment).kernels, source


def golden(name: str) -> Path:
    return next(path for path in FILES if path.stem == name)


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_resources_and_memory_instructions(path: Path, capability: int) -> None:
    kernels, source = kernels_of(path)
    wanted = numbers(source)
    for kernel in kernels:
        made = assemble(kernel, capability)
        assert made.spilled <= SPILLED.get(path.stem, 0)
        assert made.registers <= numbers(source).get("registers", 128)
        assert made.shared >= wanted.get("shared", 0)
        assert made.shared <= MOST_SHARED[capability]
        assert made.count(r"\bfma\.") == 0 or "libdevice" in kernel.source
        if "vectors" in wanted:
            assert made.count(r"(ld|st)\.global[.\w]*\.v4\.b32") >= wanted["vectors"]
            assert made.count(r"(ld|st)\.global[.\w]*\.b(8|16|32|64)\b") == made.count(
                r"(ld|st)\.global[.\w]*\.v\d\.b\d+"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_kernels_compile_for_amd(path: Path) -> None:
    with config().override(disk_cache=False):
        for kernel in kernels_of(path)[0]:
            made = compile_kernel(Request(kernel, False, True, "gfx942"))
            assert made.threads == 64 * kernel.options.num_warps
            assert made.frame == 0
            assert made.shared <= 65536


def test_a_row_is_read_once() -> None:
    (kernel,), _ = kernels_of(golden("softmax"))
    assert kernel.source.count("tl.load") == 1
    made = assemble(kernel, 90)
    assert made.count(r"ld\.global") == 1024 // 128 // 4
    assert made.count(r"st\.global") == 1024 // 128 // 4


def test_unaligned_pointers_are_not_read_as_vectors() -> None:
    (kernel,), _ = kernels_of(golden("chain"))
    assert assemble(kernel, 90, aligned=False).count(r"global[.\w]*\.v4") == 0
    assert assemble(kernel, 90).count(r"global[.\w]*\.v4") > 0
    assert kernel.common_bits({"s0": 48}) % 16 == 0  # the length counts as an address does
    assert kernel.common_bits({"s0": 49}) % 16 != 0


def test_arithmetic_is_rounded_as_numpy_does() -> None:
    (kernel,), _ = kernels_of(golden("chain"))
    made = assemble(kernel, 90)
    assert made.count(r"div\.rn\.f32") > 0
    assert made.count(r"sqrt\.rn\.f32") > 0
    assert made.count(r"div\.full|sqrt\.approx") == 0
    assert made.count(r"\.ftz") == made.count(r"ex2\.approx\.ftz")  # libdevice, on a reduced range
    (kernel,), _ = kernels_of(golden("chain"), fastmath=True)
    made = assemble(kernel, 90)
    assert made.count(r"div\.rn|sqrt\.rn") == 0


def test_wide_indices() -> None:
    kernels, _ = kernels_of(golden("layer_norm"))
    (kernel,) = kernels
    assert not kernel.is_wide({"s0": 1000, "s1": 1000})
    assert kernel.is_wide({"s0": 1 << 20, "s1": 1 << 12})
    assert kernel.is_wide({"s0": 1, "s1": (1 << 31) - 5})
    narrow, wide = (assemble(kernel, 90, wide=w) for w in (False, True))
    assert wide.count(r"\.s64|\.b64") > narrow.count(r"\.s64|\.b64")


@pytest.mark.parametrize(("capability", "instruction"), [(80, r"mma\.sync"), (90, r"wgmma")])
@pytest.mark.parametrize("name", ["dense", "bfloat"])
def test_products_of_halves_use_tensor_cores(name: str, capability: int, instruction: str) -> None:
    (kernel,), _ = kernels_of(golden(name))
    made = assemble(kernel, capability)
    assert made.count(instruction) > 0
    assert made.count(r"cp\.async") > 0
    assert made.spilled == 0


ATTENTION = """
graph @attention(%q: {d}[4,s0,{n}], %k: {d}[4,s0,{n}], %v: {d}[4,s0,{n}]) -> {d}[4,s0,{n}]
    where s0 = %q.shape[1] {{
  %t: {d}[4,{n},s0] = transpose %k {{axes=[0,2,1]}}
  %s: {d}[4,s0,s0] = matmul %q, %t
  %low: {d}[] = constant {{value={d}[](-6e4)}}
  %n: i64[s0] = iota {{dtype=i64, length=s0}}
  %i: i64[s0,1] = expand_dims %n {{axes=[1]}}
  %j: i64[1,s0] = expand_dims %n {{axes=[0]}}
  %past: bool[s0,s0] = less_equal %j, %i
  %z: {d}[4,s0,s0] = where %past, %s, %low
  %m: {d}[4,s0,1] = max %z {{axes=[2], keepdims=true}}
  %x: {d}[4,s0,s0] = subtract %z, %m
  %e: {d}[4,s0,s0] = exp %x
  %u: {d}[4,s0,1] = sum %e {{axes=[2], keepdims=true}}
  %p: {d}[4,s0,s0] = divide %e, %u
  %o: {d}[4,s0,{n}] = matmul %p, %v
  return %o
}}
"""


@pytest.mark.parametrize(
    ("dtype", "depth", "fastmath", "capability", "instruction"),
    [
        ("f32", 64, False, 90, r"fma\.rn\.f32"),
        ("f32", 128, False, 80, r"fma\.rn\.f32"),
        ("f32", 128, True, 90, r"wgmma.*tf32"),
        ("f64", 64, False, 80, r"mma\.sync.*f64"),
        ("f16", 100, False, 80, r"mma\.sync.*f32\.f16\.f16"),
        ("f16", 128, False, 90, r"wgmma.*f32\.f16\.f16"),
    ],
)
def test_attention(
    dtype: str, depth: int, fastmath: bool, capability: int, instruction: str
) -> None:
    graph = parse(ATTENTION.format(d=dtype, n=depth))
    inputs = [np.ones((4, 96, depth), f"f{int(dtype[1:]) // 8}")] * 3
    (kernel,) = compile_segment(segment_of(graph, inputs, fastmath=fastmath)).kernels
    made = assemble(kernel, capability)
    assert made.spilled <= 16  # bytes, outside of the loop
    assert made.shared <= MOST_SHARED[capability]
    assert made.count(instruction) > 0
    assert made.count(r"cp\.async") > 0


def test_additions_to_memory_are_atomic() -> None:
    kernels, _ = kernels_of(golden("histogram"))
    adding = [kernel for kernel in kernels if "atomic_add" in kernel.source]
    assert assemble(adding[0], 90).count(r"(red|atom)\.\S*add\.f64") > 0


@pytest.mark.parametrize("seed", [3, 8, 21, 2004])
def test_random_graphs_compile(seed: int) -> None:
    with np.errstate(all="ignore"):
        graph, inputs = Maker(seed, symbolic=seed >= 2000).make()
    program = compile_segment(segment_of(graph, inputs))
    for number, kernel in enumerate(program.kernels):
        assert assemble(kernel, 80, wide=bool(number % 2)).spilled == 0
