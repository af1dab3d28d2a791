"""The tuner: candidates, what is dropped before any run, choices by time, and on the disk."""

import json

import numpy as np
import pytest
from helpers.fake_cuda import run_with_driver
from helpers.host_device import HostDevice, to_device

from jitflow.codegen.commands import CallKernel, Pointer, Repeat, Turn
from jitflow.codegen.interface import InputSpec, OutputSpec
from jitflow.codegen.triton.candidates import other_options
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.interface import (
    Allocation,
    Blocks,
    GeneratedKernel,
    GeneratedProgram,
    Options,
    Parameter,
)
from jitflow.core import dims
from jitflow.core.config import config
from jitflow.core.dtypes import F64
from jitflow.runtime.device.memory import span_of
from jitflow.runtime.device.program import DeviceProgram
from jitflow.runtime.device.tuner import Progress, candidates_of, prune

N = dims.symbol("s0")
VECTOR, RESULT = InputSpec(F64, (N,), "C"), OutputSpec(F64, (N,), (0,))


@pytest.fixture(autouse=True)
def folder(tmp_path):
    with config().override(cache_dir=str(tmp_path / "cache")):
        yield


def kernel(name="double", size=4, warps=4, pointers="ab", others=()):
    parameters = [Parameter(p, "pointer", F64) for p in pointers]
    parameters += [Parameter("n", "index", dim=N), Parameter("WIDE", "constexpr")]
    text = f"{name} in blocks of {size}"
    options = Options(num_warps=warps)
    made = GeneratedKernel(name, text, tuple(parameters), (Blocks(N, size),), options)
    if others:
        made.alternatives = lambda: [kernel(name, *other) for other in others]
    return made


OTHERS = [(8, 4), (16, 4), (4, 8), (16, 8)]


def double(grid, arguments):
    source, target, n = arguments
    HostDevice.array_at(target, n, "f8")[:] = 2 * HostDevice.array_at(source, n, "f8")


def block(made):
    return made.grid[0].size, made.options.num_warps


def cost(best):
    return lambda made: 1.0 if block(made) == best else 2.0


def call(number, *storages):
    return CallKernel(number, tuple(map(Pointer, storages)))


def one(*kernels, commands=None, **more):
    commands = commands or [call(0, "in0", "out0")]
    return GeneratedProgram([*kernels], commands, (VECTOR,), (RESULT,), ("s0",), **more)


def make(program, device=None, **options):
    device = device or HostDevice(lambda made, wide: double, **options)
    return DeviceProgram(program, device, [("s0", 0, 0)], is_tuned=True), device


def vector(*values):
    return to_device(np.array(values, float))


@pytest.mark.parametrize("best", [(4, 4), *OTHERS])
def test_the_fastest_is_chosen(best):
    run, device = make(one(kernel(others=OTHERS)), cost=cost(best))
    for _ in range(2):
        (result,) = run([vector(1, 2, 3)])
        np.testing.assert_array_equal(result.host, [2, 4, 6])
    assert block(run.program.kernels[0]) == best
    assert "best of 5 of 5" in run.tuned(0)


def test_a_choice_is_kept_for_the_same_kernel_and_sizes():
    run, device = make(one(kernel(others=OTHERS)), cost=cost((16, 4)))
    run([vector(1, 2, 3)])
    again, other = make(one(kernel(others=OTHERS)), cost=cost((8, 4)))
    again([vector(1, 2, 3)])
    assert (block(again.program.kernels[0]), again.tuned(0)) == ((16, 4), "tuned before")
    assert other.launches == 1
    larger, _ = make(one(kernel(others=OTHERS)), cost=cost((8, 4)))
    larger([vector(1, 2, 3, 4)])
    assert block(larger.program.kernels[0]) == (8, 4)
    another = HostDevice(lambda made, wide: double, cost=cost((8, 4)))
    another.about = "another host"
    elsewhere, _ = make(one(kernel(others=OTHERS)), another)
    elsewhere([vector(1, 2, 3)])
    assert block(elsewhere.program.kernels[0]) == (8, 4)


def test_nothing_is_kept_where_the_cache_is_off():
    with config().override(disk_cache=False):
        for best in (OTHERS[0], OTHERS[1]):
            run, _ = make(one(kernel(others=OTHERS)), cost=cost(best))
            run([vector(1, 2, 3)])
            assert block(run.program.kernels[0]) == best


def test_what_a_call_writes_is_written_once():
    def add_one(grid, arguments):
        HostDevice.array_at(arguments[0], arguments[1], "f8")[:] += 1

    in_place = kernel("add_one", pointers="a", others=[(8, 4, "a"), (16, 4, "a")])
    device = HostDevice(lambda made, wide: add_one, cost=cost((16, 4)))
    run, _ = make(one(in_place, commands=[call(0, "in0")], written=(0,)), device)
    x = vector(1, 2, 3)
    run([x])
    np.testing.assert_array_equal(x.host, [2, 3, 4])
    assert block(run.program.kernels[0]) == (16, 4)


def test_all_memory_of_an_array_is_copied():
    base = np.zeros((6, 10))
    start = base.ctypes.data
    for view, expected in (
        (base, (0, 480)),
        (base[::-2, 1:4], (88, 80 * 4 + 24)),
        (base[2:4, ::-3], (160, 80 + 80)),
        (base[3:3], (base[3:3].ctypes.data - start, 0)),
        (np.broadcast_to(base[0, :2], (50, 2)), (0, 16)),
    ):
        low, size = span_of(view.ctypes.data, view)
        assert (low - start, size) == expected


def test_kernels_in_loops_over_buffers_by_turns():
    body = [call(0, "now", "next"), Turn(("now", "next"), (Pointer("next"), Pointer("now")))]
    program = one(
        kernel(others=OTHERS),
        commands=[
            Turn(("now", "next"), (Pointer("in0"), Pointer("out0"))),
            Repeat(Pointer("i"), 0, 3, 1, body),
        ],
        temporaries={"i": Allocation(8, 0)},
        arena=64,
        rings=("now", "next"),
    )
    run, _ = make(program, cost=cost((8, 4)))
    (result,) = run([vector(1, 2)])
    np.testing.assert_array_equal(result.host, [8, 16])
    assert block(run.program.kernels[0]) == (8, 4)


def test_time_that_is_over_leaves_the_usual_kernel():
    with config().override(tune_seconds=0):
        run, device = make(one(kernel(others=OTHERS)), cost=cost((16, 8)))
        run([vector(1, 2, 3)])
    assert block(run.program.kernels[0]) == (4, 4)


def test_without_room_for_copies_the_usual_kernel_stays():
    class Full(HostDevice):
        def copy(self, target, source, size):
            raise AssertionError

        def allocate(self, size):
            self._check(10**9)

    run, device = make(one(kernel(others=OTHERS)), Full(lambda made, wide: double, limit=10**6))
    (result,) = run([vector(1, 2)])
    np.testing.assert_array_equal(result.host, [2, 4])
    assert run.tuned(0) == "not tuned: no room for 1000000000 bytes"
    assert block(run.program.kernels[0]) == (4, 4)


def test_candidates_take_the_same_arguments():
    changed = kernel(others=[(8, 4), (8, 4, "abc")])
    assert [block(made) for made in candidates_of(changed)] == [(4, 4), (8, 4)]
    assert all(made.stores == changed.stores for made in candidates_of(changed))


def test_kernels_of_fixed_blocks_have_other_options():
    found = {(made.options.num_warps, made.options.num_stages) for made in other_options(kernel())}
    assert found == {(w, s) for w in (2, 4, 8) for s in (2, 3, 4)} - {(4, 2)}
    assert len(candidates_of(kernel())) == 9


def binary(shared=0, threads=128, registers=32, frame=0):
    return KernelBinary("k", b"", (), 2, threads, shared, registers, frame)


def test_what_does_not_fit_is_not_run():
    made = [binary(), binary(shared=200_000), None, binary(threads=1024, registers=128), binary(frame=8)]  # fmt: skip
    assert prune(made, 100_000) == [0]
    assert prune([binary(frame=8), binary(shared=10**6)], 100_000) == [0]
    assert prune([binary(shared=200_000)], 232_448) == [0]


def test_the_bar_says_how_far_it_is():
    shown = []
    bar = Progress("tuning k", 4, shown.append)
    bar.step(0.5)
    bar.step(0.25)
    bar.close()
    assert shown[1] == "\rtuning k [" + "#" * 12 + "." * 12 + "] 2/4, best 250.0 us "
    assert shown[-1] == "\n"


EVENTS = r"""
import ctypes, json
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.runtime.device.driver import find_driver
from jitflow.runtime.device.launch import Launcher
driver = find_driver()
made = [Launcher(KernelBinary("k", b"\x7fELF", ("i64",), 0, threads), driver) for threads in (128, 256)]
times = [driver.elapsed(7, lambda: [one((1, 1, 1), 7, (1,)) for _ in range(4)]) for one in made]
print(json.dumps([round(time, 4) for time in times]))
"""


def test_events_measure_what_is_launched_between_them():
    assert json.loads(run_with_driver(EVENTS, FAKE_CUDA_FASTEST="256")) == [0.2, 0.04]
