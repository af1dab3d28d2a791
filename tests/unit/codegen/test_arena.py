"""The arena: temporaries that live at the same time never share a byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jitflow.codegen.arena import lay_out
from jitflow.codegen.buffers import Temporary
from jitflow.codegen.commands import CallKernel, Pointer
from jitflow.core.dims import symbol


def calls(*steps: str) -> list[CallKernel]:
    return [CallKernel(0, tuple(Pointer(name) for name in step.split())) for step in steps]


def test_disjoint_lifetimes_share_memory() -> None:
    sizes = {name: Temporary(1000, 4) for name in ("a", "b", "c")}
    arena = lay_out(calls("in a", "a b", "b c", "c out"), sizes)
    assert arena.offsets["a"] == arena.offsets["c"]
    assert arena.size == 2048


def test_symbolic_sizes_come_last_and_share_slots_of_equal_size() -> None:
    n = symbol("n")
    sizes = {"a": Temporary(n * 4, 4), "b": Temporary(n * 8, 8), "c": Temporary(n * 4, 4)}
    arena = lay_out(calls("in a", "a b", "b c", "c out"), {**sizes, "s": Temporary(8, 8)})
    assert arena.offsets["b"] == 0
    assert arena.offsets["a"] == arena.offsets["c"] == n * 8
    assert arena.size == n * 12


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 900)), min_size=1, max_size=9
    )
)
def test_overlapping_lifetimes_are_apart(lives: list[tuple[int, int, int]]) -> None:
    lives = [(min(a, b), max(a, b), size) for a, b, size in lives]
    steps = [
        " ".join(f"t{k}" for k, (first, last, _) in enumerate(lives) if time in (first, last))
        for time in range(10)
    ]
    sizes = {f"t{k}": Temporary(size, 4) for k, (_, _, size) in enumerate(lives)}
    arena = lay_out(calls(*steps), sizes)
    for k, (first, last, size) in enumerate(lives):
        start = arena.offsets[f"t{k}"]
        assert start % 64 == 0
        assert start + size <= arena.size
        for j, (other_first, other_last, other_size) in enumerate(lives[:k]):
            if first <= other_last and other_first <= last:
                other = arena.offsets[f"t{j}"]
                assert start + size <= other or other + other_size <= start
